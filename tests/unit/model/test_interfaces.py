"""What a caller is told of a request that is not what an operation's schema says, and requests made from texts."""

import threading
from pathlib import Path

import pytest
from lxml import etree

from wsrf_activity.model.errors import InvalidParameter
from wsrf_activity.model.interfaces import COMMON_OPERATIONS, Argument, Interface, Operation, canonical
from wsrf_activity.model.violations import SPAN

NAMESPACE = "urn:test:words"
LENGTH = "a duration of days, hours, minutes and seconds, such as P1DT2H"
SCHEMA = f"""<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:tns="{NAMESPACE}"
  targetNamespace="{NAMESPACE}" elementFormDefault="qualified">
  <xsd:simpleType name="Span"><xsd:restriction base="xsd:duration"><xsd:pattern value="{SPAN}"/></xsd:restriction>
  </xsd:simpleType>
  <xsd:simpleType name="Word"><xsd:restriction base="xsd:string"><xsd:minLength value="2"/><xsd:maxLength value="4"/>
  </xsd:restriction></xsd:simpleType>
  <xsd:simpleType name="Letter"><xsd:restriction base="xsd:string"><xsd:enumeration value="a"/>
    <xsd:enumeration value="b"/></xsd:restriction></xsd:simpleType>
  <xsd:simpleType name="Share"><xsd:restriction base="xsd:double"><xsd:minInclusive value="0"/>
    <xsd:maxExclusive value="1"/></xsd:restriction></xsd:simpleType>
  <xsd:complexType name="Row"><xsd:sequence><xsd:element name="x" type="xsd:double"/>
    <xsd:element name="span" type="tns:Span" minOccurs="0"/></xsd:sequence></xsd:complexType>
  <xsd:element name="count"><xsd:complexType><xsd:sequence>
    <xsd:element name="n" type="xsd:integer"/>
    <xsd:element name="word" type="tns:Word" minOccurs="0"/>
    <xsd:element name="letter" type="tns:Letter" minOccurs="0"/>
    <xsd:element name="share" type="tns:Share" minOccurs="0"/>
    <xsd:element name="when" type="xsd:dateTime" minOccurs="0" maxOccurs="unbounded"/>
    <xsd:element name="row" type="tns:Row" minOccurs="0" maxOccurs="unbounded"/>
  </xsd:sequence></xsd:complexType></xsd:element>
</xsd:schema>"""
COUNT = Operation(
    name="count",
    service="words.count",
    arguments=(
        Argument(name="n"),
        Argument(name="word", required=False),
        Argument(name="letter", required=False),
        Argument(name="share", required=False),
        Argument(name="when", required=False, repeats=True),
        Argument(name="row", simple=False, required=False, repeats=True),
    ),
)
WORDS = Interface(name="words", namespace=NAMESPACE, schema=SCHEMA.encode(), operations=(COUNT,))
XSI = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'


def request(body: str, prefix: str = "") -> etree._Element:
    """Return a request as it is found in an envelope."""
    name, declared = (f"{prefix}:count", f"xmlns:{prefix}") if prefix else ("count", "xmlns")
    envelope = (
        f'<e:Envelope xmlns:e="urn:e"><e:Body><{name} {declared}="{NAMESPACE}">{body}</{name}></e:Body></e:Envelope>'
    )
    return etree.fromstring(envelope)[0][0]


def refused(body: str, prefix: str = "") -> InvalidParameter:
    with pytest.raises(InvalidParameter) as error:
        WORDS.check(request(body, prefix))
    return error.value


@pytest.mark.parametrize(
    ("body", "text", "place"),
    [
        ("", "parameter n is missing", ("n", None, None)),
        ("<word>ab</word>", "parameter n is missing", ("n", None, None)),
        ("<n>x</n>", "parameter n: 'x' is not a whole number", ("n", None, None)),
        ("<n/>", "parameter n: '' is not a whole number", ("n", None, None)),
        (f"<n {XSI} i:nil='true'/>", "parameter n: '' is not a whole number", ("n", None, None)),
        ("<n>1</n><n>2</n>", "parameter n is given twice", ("n", None, None)),
        (
            "<n>1</n><z/>",
            "there is no parameter 'z'; accepted: n, word, letter, share, when, row",
            ("z", None, None),
        ),
        (
            "<n>1</n><letter>a</letter><word>ab</word>",
            "parameter word is not in its place; the order is: n, word, letter, share, when, row",
            ("word", None, None),
        ),
        ("<n xmlns=''>1</n>", f"parameter n: its element is not in the namespace {NAMESPACE}", ("n", None, None)),
        (
            "<n>1</n><word>a</word>",
            "parameter word: a length of 1 is not accepted; accepted: a length from 2",
            ("word", None, None),
        ),
        (
            "<n>1</n><word>abcde</word>",
            "parameter word: a length of 5 is not accepted; accepted: a length up to 4",
            ("word", None, None),
        ),
        (
            "<n>1</n><letter>c</letter>",
            "parameter letter: 'c' is not accepted; accepted: one of a, b",
            ("letter", None, None),
        ),
        ("<n>1</n><share>-1</share>", "parameter share: '-1' is not accepted; accepted: from 0", ("share", None, None)),
        ("<n>1</n><share>1</share>", "parameter share: '1' is not accepted; accepted: below 1", ("share", None, None)),
        (
            "<n>1</n><when>2020-01-01T00:00:00Z</when><when>now</when>",
            "parameter when, row 2: 'now' is not a time such as 2027-01-31T12:00:00Z",
            ("when", 2, None),
        ),
        (
            "<n>1</n><row><x>1</x></row><row><x>1</x></row><row><x>1,5</x></row>",
            "parameter row, row 3, column x: '1,5' is not a number such as 1.5 or 2E-7",
            ("row", 3, "x"),
        ),
        ("<n>1</n><row><x>1</x></row><row/>", "parameter row, row 2, column x is missing", ("row", 2, "x")),
        (
            "<n>1</n><row><x>1</x><span>P1Y</span></row>",
            f"parameter row, row 1, column span: 'P1Y' is not {LENGTH}",
            ("row", 1, "span"),
        ),
        (
            "<n>1</n><row><x>1</x><y/></row>",
            "parameter row, row 1, column y is not expected; expected: span",
            ("row", 1, "y"),
        ),
    ],
)
def test_what_is_wrong_is_told_by_its_place(
    body: str, text: str, place: tuple[str | None, int | None, str | None]
) -> None:
    error = refused(body)
    assert (error.description, (error.parameter, error.row, error.column)) == (text, place)


def test_prefixes_do_not_hide_the_place() -> None:
    error = refused("<p:n>1</p:n><p:row><p:x>1</p:x></p:row><p:row><p:x>a</p:x></p:row>", "p")
    assert (error.parameter, error.row, error.column) == ("row", 2, "x")


@pytest.mark.parametrize("body", ["text<n>1</n>", "<n a='1'>1</n>"])
def test_what_no_toolkit_writes_is_told_in_the_checkers_words(body: str) -> None:
    assert "allowed" in refused(body).description


def test_a_long_value_is_not_repeated_whole() -> None:
    assert len(refused(f"<n>{'x' * 100_000}</n>").description) < 200


def test_many_threads_hear_each_of_their_own_mistake() -> None:
    told: dict[int, str] = {}

    def ask(number: int) -> None:
        for _ in range(50):
            told[number] = refused(f"<n>wrong{number}</n>").description
            WORDS.check(request(f"<n>{number}</n>"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == {number: f"parameter n: 'wrong{number}' is not a whole number" for number in range(6)}


def test_one_request_is_the_same_however_it_is_written() -> None:
    plain = canonical(request("<n>12</n><row><x>1</x></row>"))
    other = canonical(request("\n <p:n p:a='' >1<!-- one -->2</p:n>\n<p:row> <p:x>1</p:x> </p:row>", "p"))
    assert plain == other
    assert canonical(etree.fromstring(plain)) == plain
    assert canonical(request("<n> 12</n>")) != plain  # of white space only the type can say what it means


def test_texts_make_a_request_and_a_request_texts() -> None:
    times = ["2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"]
    document = WORDS.document(COUNT, {"when": times, "n": ["5"]})
    element = etree.fromstring(document)
    WORDS.check(element)
    assert WORDS.texts(element) == {"n": ["5"], "when": times}


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"n": ["1", "2"]}, "parameter n is given twice"),
        ({"n": ["x"]}, "parameter n: 'x' is not a whole number"),
        ({"n": ["\0"]}, "parameter n: it has characters that XML has not"),
        ({"m": ["1"]}, "service words.count has no parameter 'm'"),
        ({"row": ["1"]}, "parameter row has parts, which a text has not: call the operation count of its WSDL"),
        ({}, "parameter n is missing"),
    ],
)
def test_texts_that_make_no_request(texts: dict[str, list[str]], said: str) -> None:
    with pytest.raises(InvalidParameter) as error:
        WORDS.document(COUNT, texts)
    assert error.value.description.startswith(said)


def test_the_operations_that_all_have_are_those_of_the_contract() -> None:
    wsdl = etree.parse(Path(__file__).parents[3] / "wsdl" / "activity.wsdl")
    port_type = "{http://schemas.xmlsoap.org/wsdl/}portType"
    assert {each.get("name") for each in wsdl.iterfind(f"{port_type}/*")} - {None} == COMMON_OPERATIONS


def test_operations_are_found_by_element_and_by_service() -> None:
    assert WORDS.operation(f"{{{NAMESPACE}}}count") is COUNT
    assert WORDS.operation("count") is None
    assert WORDS.starting("words.count") is COUNT
    assert WORDS.starting("words") is None


def test_a_request_is_judged_where_it_stands_in_its_message() -> None:
    content = '<q:count><q:n i:type="own:int">{}</q:n></q:count>'
    message = f'<e><b xmlns:q="{NAMESPACE}" {XSI}>{content}</b></e>'
    WORDS.check(etree.fromstring(message.format(1))[0][0])
    with pytest.raises(InvalidParameter, match="parameter n: 'x' is not a whole number") as refused:
        WORDS.check(etree.fromstring(message.format("x"))[0][0])
    assert refused.value.parameter == "n"
