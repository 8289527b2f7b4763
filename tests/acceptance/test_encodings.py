"""Charsets, content encodings and content types: those that SOAP names are read, others and lies are refused."""

import gzip
from collections.abc import Iterator

import pytest
from lxml import etree

from tests.acceptance.probing import refused
from tests.server import Fault, Server, Wire
from wsrf_activity.model import ns

MEGABYTE = 1_000_000
LIST = "<act:ListActivities/>"


@pytest.fixture(params=[ns.S11, ns.S12], ids=["soap11", "soap12"])
def wire(alone: Server, request: pytest.FixtureRequest) -> Iterator[Wire]:
    """A client in either version, that leaves a server which answers."""
    with alone.client(request.param) as client:
        yield client
        client.call(LIST)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
def test_gzip_is_read(wire: Wire, encoding: str) -> None:
    """As clients send it."""
    wire.post(gzip.compress(wire.envelope(LIST)), content_encoding=encoding)


@pytest.mark.parametrize(
    ("accepted", "zipped"),
    [("gzip", True), ("deflate, gzip;q=0.5", True), ("*", True), ("gzip;q=0", False), ("identity", False), ("", False)],
)
def test_gzip_is_written(wire: Wire, accepted: str, zipped: bool) -> None:
    """To who accepts it, and only where it is worth it."""
    activity_id = wire.create("true")
    bodies = (
        f"<mex:GetMetadata><mex:Dialect>{ns.RMD}</mex:Dialect></mex:GetMetadata>",
        "<wsrfrp:GetResourceProperty>act:Owner</wsrfrp:GetResourceProperty>",
    )
    for body, long in zip(bodies, (True, False), strict=True):
        kind = "text/xml" if wire.version == ns.S11 else "application/soap+xml"
        response = wire.http.post(
            wire.address(activity_id),
            content=wire.envelope(body),
            headers={"content-type": kind, "accept-encoding": accepted},
        )
        assert response.headers.get("content-encoding") == ("gzip" if zipped and long else None)
        assert response.headers["vary"] == "accept-encoding"
        assert etree.QName(wire.read(response)[-1][0]).localname in ("Metadata", "GetResourcePropertyResponse")


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (gzip.compress(b" " * 100 * MEGABYTE, 1), "gzip"),
        (b"garbage", "gzip"),
        (b"", "gzip"),
        (gzip.compress(b"<a/>" * 1000)[:-10], "gzip"),
        (gzip.compress(b"") * 1000, "gzip"),
        (b"<a/>", "deflate"),
        (b"<a/>", "br"),
        (b"<a/>", "gzip, gzip"),
        (b"<a/>", "\N{LATIN SMALL LETTER E WITH ACUTE}"),
    ],
    ids=["bomb", "garbage", "empty", "cut", "members", "deflate", "brotli", "twice", "odd"],
)
def test_other_encodings_are_refused(wire: Wire, data: bytes, encoding: str) -> None:
    """A bomb no further than the limit."""
    response = wire.http.post(
        wire.address(None),
        content=data,
        headers=[(b"content-type", b"text/xml"), (b"content-encoding", encoding.encode("latin-1"))],
    )
    with pytest.raises(Fault) as caught:
        wire.read(response)
    assert caught.value.code == "Sender"


CHARSETS = [
    ("utf-8-sig", None, True),
    ("utf-16", None, True),
    ("utf-16-le", None, True),
    ("utf-16-be", None, True),
    ("utf-16", "utf-16", True),
    ("latin-1", "iso-8859-1", True),
    ("utf-8", "UTF-8", True),
    ("utf-8", '"utf-8"', True),
    ("utf-7", "utf-7", False),
    ("utf-32", None, False),
    ("cp037", "cp037", False),
    ("latin-1", None, False),
    ("latin-1", "utf-8", False),
    ("utf-16", "utf-8", False),
    ("utf-8", "utf-16", False),
    ("utf-8", "us-ascii", False),
    ("utf-8", "none-such", False),
]


@pytest.mark.parametrize(("codec", "charset", "good"), CHARSETS)
def test_charsets(wire: Wire, codec: str, charset: str | None, good: bool) -> None:
    """Those that SOAP names are read; others, and lies, are refused."""
    media_type = "application/soap+xml" if wire.version == ns.S12 else "text/xml"
    content_type = f"{media_type}; charset={charset}" if charset else media_type
    named = "<act:CreateActivity><act:Command>true</act:Command><act:Name>caf\xe9</act:Name></act:CreateActivity>"
    data = wire.envelope(named).decode().encode(codec)
    if not good:
        refused(wire, data, content_type=content_type)
        return
    found = wire.post(data, content_type=content_type).findtext(f".//{{{ns.REF}}}Activity")
    assert found
    assert wire.property(found, "Name") == "caf\xe9"


@pytest.mark.parametrize("declared", ["iso-8859-1", "ISO-8859-1", "latin1"])
def test_a_declared_charset(wire: Wire, declared: str) -> None:
    """Where the content type says nothing, the document does."""
    named = "<act:CreateActivity><act:Command>true</act:Command><act:Name>caf\xe9</act:Name></act:CreateActivity>"
    data = f'<?xml version="1.0" encoding="{declared}"?>'.encode() + wire.envelope(named).decode().encode("latin-1")
    media_type = "application/soap+xml" if wire.version == ns.S12 else "text/xml"
    assert wire.post(data, content_type=media_type) is not None


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"],
)
def test_content_types_that_a_web_page_can_send(alone: Server, content_type: str) -> None:
    """A page of another site must not be able to POST for whoever looks at it."""
    with alone.client() as wire:
        fault = refused(wire, wire.envelope(LIST), content_type=content_type)
        assert (fault.status, fault.name) == (415, "BaseFault")
