"""What reaches the parser, and what it must not make of it."""

import codecs
import contextlib
import threading
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from wsrf_activity.model.errors import Refused, TooLarge
from wsrf_activity.soap import markup
from wsrf_activity.soap.markup import NotXml, Vocabulary

ENTITIES = '<!DOCTYPE a [<!ENTITY e "{}">]>'
LAUGHS = (
    '<!DOCTYPE a [<!ENTITY x0 "ha">'
    + "".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 10}">' for n in range(1, 10))
    + '<!ATTLIST a b CDATA "&x9;">]><a>&x9;</a>'
)


def utf_16(text: str) -> bytes:
    return codecs.BOM_UTF16_LE + text.encode("utf-16-le")


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        (b"<a>\xc3\xa9</a>", None),
        (codecs.BOM_UTF8 + b"<a>\xc3\xa9</a>", None),
        (b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>", None),
        (b"<a>\xe9</a>", "ISO-8859-1"),
        (b"<?xml version='1.0' encoding='utf-8'?><a>\xe9</a>", "latin1"),
        (utf_16("<?xml version='1.0' encoding='UTF-16'?><a>\xe9</a>"), None),
        (codecs.BOM_UTF16_BE + "<a>\xe9</a>".encode("utf-16-be"), None),
        ("<a>\xe9</a>".encode("utf-16-le"), None),
        ("<a>\xe9</a>".encode("utf-16-be"), None),
        ("<a>\xe9</a>".encode("utf-16-le"), "utf-16"),
        ("<a>\xe9</a>".encode("utf-16-be"), '"UTF-16BE"'),
        (b"<?xml version='1.0' encoding='us-ascii'?><a>&#233;</a>", None),
        (b" \n<!-- <!DOCTYPE x> --> <?p <!DOCTYPE x> ?><a>\xc3\xa9</a><!-- end -->", None),
    ],
)
def test_a_message_is_read_in_the_charset_that_it_is_in(data: bytes, charset: str | None) -> None:
    """The content type's before the mark's, the mark's before the declaration's."""
    assert markup.parse(data, charset).text == "\xe9"


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        (b"<a>+AOk-</a>", "utf-7"),
        (b"<?xml version='1.0' encoding='utf-7'?><a/>", None),
        ("<a/>".encode("utf-32"), None),
        ("<a/>".encode("cp037"), None),
        ("<a/>".encode("cp037"), "cp037"),
        (b"<a>\xe9</a>", None),
        (b"<a>\xe9</a>", "us-ascii"),
        (utf_16("<a/>"), "utf-8"),
        ("<a/>".encode("utf-16-le"), "utf-8"),
        (utf_16("<a/>")[:-1], None),
        (b"<a/>", "no-such-charset"),
        (b"<a/>", "x" * 10_000),
        (b"<a/>", "base64"),
        (b"\xff\xfe\x00\xd8<\0a\0/\0>\0", None),
        (codecs.BOM_UTF8 * 2 + b"<a/>", None),
    ],
)
def test_a_lie_about_the_charset_is_refused(data: bytes, charset: str | None) -> None:
    """Nothing is guessed: what one reader takes for harmless another may not."""
    with pytest.raises(NotXml) as refused:
        markup.parse(data, charset)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "data",
    [
        ENTITIES.format("x").encode() + b"<a>&e;</a>",
        b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        b"<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>",
        b"<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://127.0.0.1:1/'>%p;]><a/>",
        b"<!DOCTYPE a [<!ATTLIST a b CDATA 'default'>]><a/>",
        b"<?xml version='1.0'?>\n<!-- c --><?p i?>\t<!DOCTYPE a><a/>",
        b"<!-- --><!DOCTYPE a><a/>",
        codecs.BOM_UTF8 + b"<!DOCTYPE a><a/>",
        codecs.BOM_UTF8 * 2 + b"<!DOCTYPE a><a/>",
        utf_16("<!DOCTYPE a><a/>"),
        "<!DOCTYPE a><a/>".encode("utf-16-be"),
        b"<!doctype html><html/>",
        LAUGHS.encode(),
        b"<a><!DOCTYPE b></a>",
        b"<a/><!DOCTYPE a>",
        b"<a>&nbsp;</a>",
    ],
)
def test_no_document_type_declaration_gets_through(data: bytes) -> None:
    """Wherever it stands and whatever it holds (SOAP 1.2 Part 1, section 5)."""
    began = time.process_time()
    with pytest.raises(NotXml):
        markup.parse(data)
    assert time.process_time() - began < 1


def test_a_declaration_in_text_is_text() -> None:
    """In a CDATA section, in a comment, in an attribute."""
    root = markup.parse(b'<a b="&lt;!DOCTYPE a>"><![CDATA[<!DOCTYPE a [<!ENTITY b "c">]>]]><!-- <!DOCTYPE a> --></a>')
    assert root.text == '<!DOCTYPE a [<!ENTITY b "c">]>'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"hello",
        b"{}",
        b"<",
        b"<a",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a>\0</a>",
        b"<a>\x01</a>",
        b"<a>&#0;</a>",
    ],
)
def test_what_is_not_well_formed_is_refused(data: bytes) -> None:
    """With a sentence that shows nothing of the inside."""
    with pytest.raises(NotXml) as refused:
        markup.parse(data)
    assert "<string>" not in str(refused.value)


MANY = 5_000_000


@pytest.mark.parametrize(
    "data",
    [
        b"<a>" * 100_000,
        b"<a>" * 100_000 + b"</a>" * 100_000,
        b"<a>" * 101 + b"</a>" * 101,
        b"<a>" * MANY,
        b"<r>" + b"<a/>" * (MANY // 2) + b"</r>",
        b"<a " + b'a="x" ' * 1_000_000 + b"/>",
        b"<a " + b"a = \n'x' " * 1_000_000 + b"/>",
        b"<a " + b" ".join(b'xmlns:a%d="urn:%d"' % (n, n) for n in range(100_000)) + b"/>",
        b"<?p?>" * 3_000_000,
        b"<!--" * MANY,
    ],
    ids=lambda data: f"{data[:9]!r} x {len(data)}",
)
def test_too_much_is_refused_before_the_parser_sees_it(data: bytes) -> None:
    """In little time and less memory than the message itself has."""
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(Refused):
            markup.parse(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 2
    assert peak < 3 * len(data) + (1 << 20)


@pytest.mark.parametrize("data", [b" " * 16_000_000 + b"<a/>", b"\n" + b"<!-- -->" * 99_000 + b"<a/>"])
def test_what_stands_before_the_root_costs_no_more_than_its_size(data: bytes) -> None:
    """White space is legal there, and 16 MB of it once took two gigabytes."""
    tracemalloc.start()
    try:
        assert markup.parse(data).tag == "a"
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(data)


def test_a_long_text_is_accepted() -> None:
    """libxml2 alone refuses a text of more than ten million characters: 7.5 MB of base64."""
    assert len(markup.parse(b"<a>" + b"A" * 12_000_000 + b"</a>").text or "") == 12_000_000


def test_depth_and_number_are_bounded_exactly() -> None:
    """What the sentence says holds."""
    assert markup.parse(b"<a>" * 100 + b"</a>" * 100) is not None
    with pytest.raises(TooLarge, match="100 deep"):
        markup.parse(b"<a>" * 101 + b"</a>" * 101)


def test_names_are_counted_once() -> None:
    """The same message again and again costs nothing; new names do, in elements, attributes, prefixes and URIs."""
    vocabulary = Vocabulary(most=100)
    for _ in range(50):
        markup.parse(b'<a xmlns:p="urn:p" b="c"><p:d/></a>', None, vocabulary)
    assert not vocabulary.full
    markup.parse(b'<a xmlns:q="urn:%s"/>' % (b"x" * 100), None, vocabulary)
    assert vocabulary.full


def test_a_message_that_breaks_off_counts_whole() -> None:
    """Its names may have been learnt before it did."""
    vocabulary = Vocabulary(most=100)
    with pytest.raises(NotXml):
        markup.parse(b"<a>" + b"<b/>" * 50, None, vocabulary)
    assert vocabulary.full


def test_a_document_outlives_the_thread_that_parsed_it() -> None:
    """Large messages are parsed in threads that end."""
    found: list[etree._Element] = []
    thread = threading.Thread(target=lambda: found.append(markup.parse(b"<a><b c='d'/></a>")))
    thread.start()
    thread.join()
    assert markup.write(found[0]).endswith(b'<a><b c="d"/></a>')


@given(st.binary(max_size=200), st.sampled_from([None, "utf-8", "utf-16", "latin-1", "x"]))
def test_any_bytes_are_read_or_refused(data: bytes, charset: str | None) -> None:
    """And nothing else."""
    with contextlib.suppress(Refused):
        assert markup.parse(b"<" + data, charset).tag


@given(st.text(max_size=30))
def test_a_qname_is_resolved_or_refused(text: str) -> None:
    """Whatever the text; the default namespace applies to one without a prefix."""
    element = etree.fromstring('<a xmlns="urn:d" xmlns:p="urn:p"/>')
    try:
        name = markup.resolve_qname(text, element)
    except ValueError:
        assert ":" in text
    else:
        assert name.startswith(("{urn:d}", "{urn:p}"))
    assert markup.resolve_qname(" p:x ", element) == "{urn:p}x"
