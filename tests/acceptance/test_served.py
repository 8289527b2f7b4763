"""The heavier fixture for authors: a server of its own, called by a SOAP toolkit, with functions in processes."""

import os
from pathlib import Path

import pytest
import zeep

from tests.unit.testing import words
from wsrf_activity.client import ProgressReported, connect
from wsrf_activity.testing.http import Servers


def test_a_service_is_called_by_its_own_wsdl(served: Servers) -> None:
    server = served(words)
    client = zeep.Client(server.wsdl)  # type: ignore[no-untyped-call]  # zeep has no types
    answer = client.service.count(text="a b")
    with connect(server.base_url, data=server.data) as service:
        [entry] = service.list()
        entry.wait()
        assert b"".join(entry.stream("result")) == b"2"
        assert [each.description for each in entry.errors] == ["words are hard"]
    assert str(entry.id) in str(answer)
    assert served(words) is server  # for as long as the tests of this module run


def test_what_does_not_start_says_why(served: Servers) -> None:
    with pytest.raises(RuntimeError, match=r"limits\.parralel: there is no such setting"):
        served(words, config="[limits]\nparralel = 2")


def test_nothing_is_left_running(tmp_path: Path) -> None:
    servers = Servers(tmp_path)
    server = servers(words)
    with connect(server.base_url, data=server.data) as service:
        started = service.start("words.forever")
        for event in started.events():
            if isinstance(event, ProgressReported):
                break
    [pid] = [int(path.read_text()) for path in tmp_path.glob("*/activities/**/pid")]
    os.kill(pid, 0)
    servers.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
