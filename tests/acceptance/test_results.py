"""Results over HTTP: what they say of themselves, whole and in parts, and as they are being written."""

import base64
import hashlib
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.acceptance.commands import Gate
from tests.acceptance.watching import eventually
from tests.server import Server, Wire
from wsrf_activity.model import ns

SIZE = 300_000
CONTENT = b"".join(b"%06d\n" % number for number in range(SIZE // 7 + 1))[:SIZE]


@pytest.fixture(scope="module")
def large(server: Server) -> str:
    """An activity with a result that is too large to stand in its record."""
    with server.client() as wire:
        address = wire.http.put(f"{wire.base}/input", content=CONTENT).text.strip()
        activity_id = wire.create("cat", f"<act:InputReference>{address}</act:InputReference>")
        assert wire.ended(activity_id) == "Completed"
    return activity_id


def get(wire: Wire, activity_id: str, name: str = "result", **headers: str) -> httpx.Response:
    """GET a result."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return wire.http.get(f"{wire.address(activity_id)}/result/{name}", headers=named)


def described(wire: Wire, activity_id: str) -> dict[str, dict[str, str]]:
    """Return the attributes of each result in the property document, with its content where that is there."""
    results = wire.document(activity_id).iterfind(f"{{{ns.ACT}}}Result")
    return {
        str(result.get("name")): {str(key): str(value) for key, value in result.attrib.items()}
        | {str(child.tag).rpartition("}")[2]: child.text or "" for child in result}
        for result in results
    }


def test_what_a_result_says_of_itself(wire: Wire, large: str) -> None:
    """The same in the property document and over HTTP; HEAD has the headers and nothing else."""
    digest = hashlib.sha256(CONTENT).hexdigest()
    for name in ("stdout", "result"):
        result = described(wire, large)[name]
        assert result == {
            "name": name,
            "mediaType": "application/octet-stream",
            "size": str(SIZE),
            "sha256": digest,
            "href": f"{wire.address(large)}/result/{name}",
        }
        whole, head = wire.http.get(result["href"]), wire.http.head(result["href"])
        assert (whole.status_code, whole.content) == (200, CONTENT)
        assert (head.status_code, head.content) == (200, b"")
        for response in (whole, head):
            assert response.headers["content-length"] == str(SIZE)
            assert response.headers["content-type"] == "application/octet-stream"
            assert response.headers["etag"] == f'"{digest}"'
            assert response.headers["accept-ranges"] == "bytes"
            assert response.headers["repr-digest"] == f"sha-256=:{base64.b64encode(bytes.fromhex(digest)).decode()}:"
            assert response.headers["x-content-type-options"] == "nosniff"
    empty = described(wire, large)["stderr"]
    assert (empty["size"], empty["sha256"]) == ("0", hashlib.sha256(b"").hexdigest())
    assert wire.http.get(empty["href"]).content == b""


def test_what_is_known_is_not_sent_again(wire: Wire, large: str) -> None:
    """304 for the entity tag, alone, in a list, weak, or any; the whole for another."""
    tag = get(wire, large).headers["etag"]
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        response = get(wire, large, if_none_match=known)
        assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", tag)
    assert get(wire, large, if_none_match='"other"').content == CONTENT


@pytest.mark.parametrize(
    ("range_", "first", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=7-", 7, SIZE),
        ("bytes=-5", SIZE - 5, SIZE),
        (f"bytes={SIZE - 1}-{SIZE + 99}", SIZE - 1, SIZE),
        ("bytes=0-", 0, SIZE),
    ],
)
def test_a_part(wire: Wire, large: str, range_: str, first: int, end: int) -> None:
    """206, and where it belongs."""
    response = get(wire, large, range=range_)
    assert response.status_code == 206
    assert response.headers["content-range"] == f"bytes {first}-{end - 1}/{SIZE}"
    assert response.content == CONTENT[first:end]


def test_no_such_part(wire: Wire, large: str) -> None:
    """Beyond the end is 416 with the size; a part of what has changed since is the whole."""
    response = get(wire, large, range=f"bytes={SIZE}-")
    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{SIZE}"
    tag = get(wire, large).headers["etag"]
    assert get(wire, large, range="bytes=0-9", if_range=tag).status_code == 206
    assert get(wire, large, range="bytes=0-9", if_range='"other"').content == CONTENT


def test_the_parts_are_the_whole(wire: Wire, large: str) -> None:
    """A client that lost its connection goes on where it was."""
    step = 77_777
    parts = [get(wire, large, range=f"bytes={at}-{at + step - 1}").content for at in range(0, SIZE, step)]
    assert b"".join(parts) == CONTENT


def test_small_results_are_in_the_document(wire: Wire) -> None:
    """As text where XML carries it unchanged, else in base64; always the same bytes as over HTTP."""
    texts = {"plain": b"a <b> & \xc3\xa4\n", "none": b"", "cr": b"a\r\nb", "binary": b"\x00\xff", "space": b"  \n\t "}
    for content in texts.values():
        encoded = base64.b64encode(content).decode("ascii")
        activity_id = wire.create("cat", f"<act:Input>{encoded}</act:Input>")
        wire.ended(activity_id)
        result = described(wire, activity_id)["result"]
        inline = result["Text"].encode() if "Text" in result else base64.b64decode(result["Base64"])
        assert inline == content == wire.result(activity_id)
        assert ("Text" in result) == (content not in (texts["cr"], texts["binary"]))


def test_named_results(wire: Wire) -> None:
    """With the name and the media type that the service gives them."""
    parameters = '<act:Parameter name="name">W</act:Parameter><act:Parameter name="times">3</act:Parameter>'
    activity_id = wire.start(f"<act:Service>greet</act:Service>{parameters}")
    assert wire.ended(activity_id) == "Completed"
    assert set(described(wire, activity_id)) == {"result", "stdout", "stderr", "text"}
    assert described(wire, activity_id)["text"]["mediaType"] == "text/plain; charset=utf-8"
    response = get(wire, activity_id, "text")
    assert (response.content, response.headers["content-type"]) == (b"Hello, W\n", "text/plain; charset=utf-8")
    assert wire.result(activity_id) == b"3\n"


def test_failed_work_keeps_its_output(wire: Wire) -> None:
    """Both streams, and as often as anybody wants to read them."""
    activity_id = wire.create("echo so far; echo went wrong >&2; exit 9")
    assert wire.ended(activity_id) == "Failed"
    for _ in range(3):
        assert wire.result(activity_id, "stdout") == wire.result(activity_id) == b"so far\n"
        assert wire.result(activity_id, "stderr") == b"went wrong\n"
    [(_, _, description)] = wire.errors(activity_id)
    assert description == "the work ended with exit code 9: went wrong"


def test_no_such_result(wire: Wire, bob: Wire, large: str) -> None:
    """404 for a name, an activity or an owner that is not the right one; 401 for nobody."""
    for name in ("nothing", "..%2f..%2factivities.db", "%2e%2e%2finput", "stdout%00", "report", "1"):
        assert get(wire, large, name).status_code == 404, name
    assert get(wire, "a" * 26).status_code == 404
    assert get(bob, large).status_code == 404
    assert get(bob, large).content == get(bob, "a" * 26).content
    assert httpx.get(f"{wire.address(large)}/result/result", trust_env=False).status_code == 401


def test_output_as_it_is_written(wire: Wire, gates: Callable[[], Gate]) -> None:
    """follow=true brings each line when it is there and ends with the work; without it, what there is by now."""
    first, second = gates(), gates()
    activity_id = wire.create(f"{first.held}; echo one; echo error >&2; {second.held}; echo two")
    address = f"{wire.address(activity_id)}/result/stdout"
    with wire.http.stream("GET", address, params={"follow": "true"}) as response:
        assert response.status_code == 200
        lines: Iterator[str] = response.iter_lines()
        first.open()
        assert next(lines) == "one"
        eventually(lambda: wire.http.get(f"{wire.address(activity_id)}/result/stderr").content == b"error\n")
        now = wire.http.get(address)
        assert (now.content, now.headers["cache-control"]) == (b"one\n", "no-store")
        second.open()
        assert list(lines) == ["two"]
    assert wire.property(activity_id, "Phase") == "Completed"
    followed = wire.http.get(address, params={"follow": "true"})
    assert followed.content == b"one\ntwo\n"


def test_what_is_there_while_more_is_written(wire: Wire) -> None:
    """As much as the answer says, not as much as there is by its end; and the connection is good for the next."""
    busy = wire.create("while :; do echo line; done")
    eventually(lambda: len(get(wire, busy, "stdout").content) > 5)
    sizes = []
    for _ in range(10):
        response = get(wire, busy, "stdout")
        assert len(response.content) == int(response.headers["content-length"])
        sizes.append(len(response.content))
    assert sizes == sorted(sizes)
    wire.destroy(busy)


def test_following_from_where_a_client_was(wire: Wire, gates: Callable[[], Gate]) -> None:
    """A client that was cut off misses nothing and gets nothing twice."""
    gate = gates()
    activity_id = wire.create(f"echo 12345; {gate.held}; echo 678")
    address = f"{wire.address(activity_id)}/result/result"
    eventually(lambda: wire.http.get(address).content == b"12345\n")
    headers = {"range": "bytes=3-"}
    with wire.http.stream("GET", address, params={"follow": "true"}, headers=headers) as response:
        assert response.status_code == 206
        lines: Iterator[str] = response.iter_lines()
        assert next(lines) == "45"
        gate.open()
        assert list(lines) == ["678"]


def test_following_work_that_is_destroyed_ends(wire: Wire, gates: Callable[[], Gate]) -> None:
    """The stream ends with the activity."""
    activity_id = wire.create(f"echo begun; {gates().held}")
    address = f"{wire.address(activity_id)}/result/stdout"
    with wire.http.stream("GET", address, params={"follow": "true"}) as response:
        lines: Iterator[str] = response.iter_lines()
        assert next(lines) == "begun"
        wire.destroy(activity_id)
        assert list(lines) == []
