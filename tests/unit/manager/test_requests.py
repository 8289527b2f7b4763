"""What a request for a service becomes: a function reads the document of its operation, a command has single values."""

import hashlib
import json
from datetime import timedelta

import pytest

from tests.interfaces import SURVEY, WORDS
from wsrf_activity.manager import Rules, StartRequest
from wsrf_activity.model.errors import InvalidParameter
from wsrf_activity.model.services import Parameter, Service

KEEP = timedelta(days=1)
COUNT = Service(name="words.count", function=("python", "count"), interface="words")
SUMMARISE = Service(name="survey.summarise", function=("python", "summarise"), interface="survey")
COMMAND = Service(name="words.count", command=("wc", "{text}"), parameters=(Parameter(name="text"),), interface="words")
RULES = Rules(interfaces={"words": WORDS, "survey": SURVEY})
DOCUMENT = b'<a:count xmlns:a="urn:wsrf-activity:service:words"><a:text>x y</a:text></a:count>'


def _request(**values: tuple[str, ...]) -> StartRequest:
    return StartRequest(service="any", parameters=values)


def test_a_function_gets_its_document_from_texts() -> None:
    work = RULES.work(COUNT, _request(text=("a b",)), KEEP)
    assert work.argv == ("python", "count")
    assert work.arguments is not None
    assert b">a b</" in work.arguments
    assert RULES.work(COUNT, StartRequest(service="any", document=DOCUMENT), KEEP).arguments == DOCUMENT


def test_a_parameter_that_is_repeated_is_a_list() -> None:
    work = RULES.work(SUMMARISE, _request(tags=("one", "two"), unit=("foot",)), KEEP)
    assert work.arguments is not None
    assert work.arguments.count(b"tags>") == 4
    with pytest.raises(InvalidParameter, match="given twice"):
        RULES.work(COUNT, _request(text=("a", "b")), KEEP)
    with pytest.raises(InvalidParameter, match="has parts") as refused:
        RULES.work(SUMMARISE, _request(points=("a",)), KEEP)
    assert refused.value.parameter == "points"


def test_a_command_has_one_value_for_a_parameter_however_it_is_asked() -> None:
    for request in (_request(text=("x y",)), StartRequest(service="any", document=DOCUMENT)):
        work = RULES.work(COMMAND, request, KEEP)
        assert (work.argv, work.arguments) == (("wc", "x y"), None)
    with pytest.raises(InvalidParameter, match="parameter text is given twice") as refused:
        RULES.work(COMMAND, _request(text=("x", "y")), KEEP)
    assert refused.value.parameter == "text"


def test_digests_of_single_values_are_those_of_earlier_versions() -> None:
    said = ["any", None, [["text", "a"]], "None", None, [], None, "None", "None"]
    assert _request(text=("a",)).digest() == hashlib.sha256(json.dumps(said).encode()).hexdigest()
    assert _request(text=("a", "b")).digest() != _request(text=("a",)).digest()
