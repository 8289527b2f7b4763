"""Binary content beside the message (MTOM, XOP): inputs of any size in, results out, and packages that are wrong."""

import base64
import email
import email.policy
import hashlib
import os
from urllib.parse import unquote

import httpx
import pytest
from lxml import etree

from tests.server import Fault, Server, Wire
from tests.wire_validation import check_envelope
from wsrf_activity.model import ns

BOUNDARY = "=_part boundary_1"
INCLUDE = f'<xop:Include xmlns:xop="{ns.XOP}" href="cid:{{}}"/>'
CREATE = "<act:CreateActivity><act:Command>{}</act:Command>{}</act:CreateActivity>"
MEBIBYTE = 1 << 20


def part(content: bytes, content_id: str, content_type: str = "application/octet-stream", more: str = "") -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Type: {content_type}\r\nContent-ID: <{content_id}>\r\n{more}\r\n"
    return head.encode() + content + b"\r\n"


def package(root: bytes, *parts: bytes, media_type: str = "text/xml") -> bytes:
    root_part = part(root, "root@x", f'application/xop+xml; charset=UTF-8; type="{media_type}"')
    return b"".join([root_part, *parts, f"--{BOUNDARY}--\r\n".encode()])


def content_type(wire: Wire) -> str:
    media_type = "text/xml" if wire.version == ns.S11 else "application/soap+xml"
    return (
        'multipart/related; type="application/xop+xml"; start="<root@x>"; '
        f'start-info="{media_type}"; boundary="{BOUNDARY}"'
    )


def send(wire: Wire, body: str, *parts: bytes, activity_id: str | None = None, **headers: str) -> httpx.Response:
    named = {"content-type": content_type(wire), **headers}
    return wire.http.post(wire.address(activity_id), content=package(wire.envelope(body), *parts), headers=named)


def create(wire: Wire, command: str, content: bytes, rest: str = "") -> str:
    element = f"<act:Input>{INCLUDE.format('in%40x')}</act:Input>{rest}"
    envelope = wire.read(send(wire, CREATE.format(command, element), part(content, "in@x")))
    found = envelope.findtext(f".//{{{ns.REF}}}Activity")
    assert found
    return found


def test_an_input_beside_the_message(wire: Wire) -> None:
    """Byte for byte, boundaries' look-alikes included."""
    content = os.urandom(300_000) + b"\r\n--=_part boundary\r\n--\r\n" + bytes(range(256))
    activity_id = create(wire, "cat", content)
    assert wire.ended(activity_id) == "Completed"
    assert wire.result(activity_id) == content


def test_an_input_larger_than_any_message(alone: Server, holder: Wire) -> None:
    """It is kept as an upload, so that only the envelope's own part counts as the message."""
    content = os.urandom(MEBIBYTE) * 40
    activity_id = create(holder, "sha256sum", content)
    assert holder.ended(activity_id) == "Completed"
    assert holder.result(activity_id).split()[0].decode() == hashlib.sha256(content).hexdigest()


def test_a_retried_request_is_the_same_activity(wire: Wire) -> None:
    """By its content, whether that comes inside the message or beside it; other content is a conflict."""
    wish = "<act:RequestId>mtom-1</act:RequestId>"
    first = create(wire, "cat", b"one", wish)
    assert create(wire, "cat", b"one", wish) == first
    inline = f"<act:Input>{base64.b64encode(b'one').decode()}</act:Input>"
    assert wire.create("cat", inline + wish) == first
    with pytest.raises(Fault) as refused:
        create(wire, "cat", b"two", wish)
    assert refused.value.name == "RequestConflictFault"


def test_a_binary_result_beside_the_reply(wire: Wire) -> None:
    """To who sent a package, or says that packages are read; everybody else gets base64."""
    activity_id = wire.create(r"printf '\000\377\001'")
    assert wire.ended(activity_id) == "Completed"
    ask = "<wsrfrp:GetResourceProperty>act:Result</wsrfrp:GetResourceProperty>"
    inside = wire.call(ask, activity_id)
    assert inside.findtext(f".//{{{ns.ACT}}}Base64") == "AP8B"
    accepts = wire.http.post(
        wire.address(activity_id),
        content=wire.envelope(ask),
        headers={
            "content-type": "text/xml" if wire.version == ns.S11 else "application/soap+xml",
            "accept": "application/xop+xml, text/xml",
        },
    )
    for response in (send(wire, ask, activity_id=activity_id), accepts):
        assert response.status_code == 200
        envelope, parts = unpacked(response)
        places = envelope.findall(f".//{{{ns.ACT}}}Base64")
        assert len(places) == len(parts) >= 1
        for place in places:
            include = place[0]
            assert parts[unquote(include.get("href", "")).removeprefix("cid:")] == b"\0\xff\x01"
            place.remove(include)
            place.text = "AP8B"
        assert check_envelope(etree.tostring(envelope)) == []  # once put together again (XOP 1.0, section 3.2)


def unpacked(response: httpx.Response) -> tuple[etree._Element, dict[str, bytes]]:
    """Take a package apart with the standard library's parser: the envelope, and what it includes by its id."""
    head = f"Content-Type: {response.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + response.content, policy=email.policy.HTTP)
    root, *others = message.iter_parts()
    assert root.get_content_type() == "application/xop+xml"
    parts = {str(other["content-id"]).strip("<>"): bytes(other.get_content()) for other in others}
    return etree.fromstring(bytes(root.get_payload(decode=True))), parts


def test_a_package_without_anything_beside_it(wire: Wire) -> None:
    """Some stacks always send one."""
    envelope = wire.read(send(wire, "<act:ListActivities/>"))
    assert envelope[-1][0].tag == f"{{{ns.ACT}}}ListActivitiesResponse"


def test_parts_that_nothing_includes_are_skipped(wire: Wire) -> None:
    """They are read past, and never kept."""
    wire.read(send(wire, "<act:ListActivities/>", part(b"x" * 100_000, "other@x")))


ONE = part(b"1", "in@x")
INPUT = f"<act:Input>{INCLUDE.format('in@x')}</act:Input>"
WRONG = {
    "missing": (CREATE.format("cat", INPUT), b"", "did not come"),
    "mixed": (CREATE.format("cat", f"<act:Input>x{INCLUDE.format('in@x')}</act:Input>"), ONE, "stands alone"),
    "elsewhere": (CREATE.format("cat", f'<act:Input><i xmlns="{ns.XOP}" href="cid:x"/></act:Input>'), ONE, "not valid"),
    "http": (CREATE.format("cat", INPUT.replace("cid:", "http://")), ONE, "stands alone"),
    "encoded": (
        CREATE.format("cat", INPUT),
        part(b"MQ==", "in@x", more="Content-Transfer-Encoding: base64\r\n"),
        "base64",
    ),
}


@pytest.mark.parametrize(("body", "parts", "reason"), WRONG.values(), ids=WRONG)
def test_packages_that_are_wrong(holder: Wire, body: str, parts: bytes, reason: str) -> None:
    """A sender's fault that says what."""
    with pytest.raises(Fault) as refused:
        holder.read(send(holder, body, parts))
    assert refused.value.code == "Sender"
    assert reason in refused.value.description


@pytest.mark.parametrize(
    ("kind", "data", "reason"),
    [
        ('multipart/related; type="application/xop+xml"', b"--x\r\n\r\n\r\n--x--", "no boundary"),
        ('multipart/related; type="text/html"; boundary=x', b"--x\r\n\r\n\r\n--x--", "must have type"),
        ("multipart/related; boundary=x", b"no parts", "not a multipart message"),
        ("multipart/related; boundary=x", b"--x\r\nContent-ID: <a>\r\n\r\nabc", "breaks off"),
        ("multipart/related; boundary=x; start=b", b"--x\r\nContent-ID: <a>\r\n\r\nabc\r\n--x--", "must be the first"),
        ("multipart/related; boundary=x", b"--x\r\n\r\n<a/>\r\n--x--", "Envelope"),
    ],
)
def test_what_is_no_package(holder: Wire, kind: str, data: bytes, reason: str) -> None:
    """It gets a fault too, in SOAP 1.1."""
    with pytest.raises(Fault) as refused:
        holder.post(data, content_type=kind)
    assert reason in refused.value.description
