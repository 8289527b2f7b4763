"""Calls to where clients want them, over real sockets: what is checked, where they arrive, what is given up.

How connections are kept is tested next door.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import pytest

from tests.ports import held_port
from tests.unit.notify.resolving import Certificate, Names
from wsrf_activity.notify import callbacks as module
from wsrf_activity.notify.callbacks import CallbackFailed, CallbackRefused, Callbacks
from wsrf_activity.notify.policy import CallbackPolicy, Rules

OK = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"
HERE = CallbackPolicy()


class Consumer:
    """Somebody who listens on 127.0.0.1 and gives everybody the same answer, or with None no answer at all."""

    def __init__(self, answer: bytes | None) -> None:
        self.port = 0
        self.received: list[bytes] = []
        self.came = asyncio.Event()
        self.let = asyncio.Event()  #: answer now
        self.let.set()
        self._answer = answer
        self._talks: set[asyncio.Task[None] | None] = set()

    @asynccontextmanager
    async def listening(self, context: ssl.SSLContext | None, port: int) -> AsyncIterator["Consumer"]:
        server = await asyncio.start_server(self._talk, "127.0.0.1", port, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self
        await asyncio.gather(*(talk for talk in self._talks if talk is not None))

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._talks.add(asyncio.current_task())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        self.received.append(head + await reader.readexactly(length))
        self.came.set()
        await self.let.wait()
        with suppress(OSError):  # who has read enough hangs up
            if self._answer is None:
                await reader.read()
            writer.write(self._answer or b"")
            await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def consumer(
    answer: bytes | None = OK, context: ssl.SSLContext | None = None, port: int = 0
) -> AbstractAsyncContextManager[Consumer]:
    return Consumer(answer).listening(context, port)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "urn:x",
        "/activity",
        "mailto:a@example.org",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "http:///x",
        "http://[::1",
        "http://[fe80::1%25lo]/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:0/",
        "http://999.0.0.1/",
        "http://a b/",
        "http://a%2fb/",
        "http://127.0.0.1\r\nX: y/",
        "http://user:secret@127.0.0.1/",
        "http://127.0.0.1/" + "x" * 3000,
        "http://" + "x" * 100_000,
    ],
)
async def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(CallbackRefused) as refused:
        await Callbacks(HERE, resolve=Names()).target(address)
    assert "secret" not in str(refused.value)


async def test_every_address_of_a_name_is_checked() -> None:
    """And one that must not be called makes the whole name one that must not be; all refusals sound alike."""
    names = Names(
        good=["127.0.0.1", "10.0.0.1", "127.0.0.1"],
        mixed=["127.0.0.1", "169.254.169.254"],
        mapped=["::ffff:8.8.8.8"],
        none=[],
        odd=["?"],
    )
    callbacks = Callbacks(HERE, resolve=names)
    found = await callbacks.target("http://good/")
    assert [str(address) for address in found.addresses] == ["127.0.0.1", "10.0.0.1"]
    said = set()
    for name in ("mixed", "mapped", "none", "odd", "unknown"):
        with pytest.raises(CallbackRefused) as refused:
            await callbacks.target(f"http://{name}/")
        said.add(str(refused.value).replace(name, "NAME"))
    assert len(said) == 1
    assert "callbacks" in said.pop()


@pytest.mark.parametrize("host", ["8.8.8.8", "[::ffff:8.8.8.8]", "0.0.0.0", "[::]", "169.254.169.254"])
async def test_an_address_is_checked_as_it_is(host: str) -> None:
    names = Names()
    with pytest.raises(CallbackRefused):
        await Callbacks(HERE, resolve=names).target(f"http://{host}/")
    assert names.asked == 0


async def test_a_name_that_is_denied_is_not_even_looked_up() -> None:
    names = Names(denied=["127.0.0.1"])
    policy = CallbackPolicy.of(Rules(), Rules.parse(["denied", "https"]), local=True)
    for address in ("http://denied/", "http://DENIED./", "https://other/"):
        with pytest.raises(CallbackRefused):
            await Callbacks(policy, resolve=names).target(address)
    assert names.asked == 0


async def test_what_was_checked_is_what_is_called() -> None:
    """A name that changes its mind in between changes nothing; who is called still hears the name."""
    async with consumer() as somebody:
        names = Names(consumer=["127.0.0.1"])
        callbacks = Callbacks(HERE, resolve=names)
        target = await callbacks.target(f"http://consumer:{somebody.port}/a/b?c=d")
        names.names["consumer"] = ["127.0.0.2"]
        status = await callbacks.post(target, b"<x/>", {"content-type": "text/xml"})
        await callbacks.close()
    [request] = somebody.received
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert (status, body, names.asked) == (202, b"<x/>", 1)
    assert lines[0] == "post /a/b?c=d http/1.1"
    assert {f"host: consumer:{somebody.port}", "content-type: text/xml", "connection: close"} <= set(lines)
    assert not any(line.startswith(("authorization", "cookie")) for line in lines)


async def test_the_next_address_is_tried_where_nobody_is() -> None:
    async with consumer() as somebody:
        callbacks = Callbacks(HERE, resolve=Names(consumer=["127.0.0.9", "127.0.0.1"]), pauses=())
        assert await callbacks.post(await callbacks.target(f"http://consumer:{somebody.port}/"), b"", {}) == 202
        await callbacks.close()
    assert len(somebody.received) == 1


async def test_somebody_who_comes_late_is_still_told() -> None:
    callbacks = Callbacks(HERE, pauses=(0.2,) * 50)
    with held_port() as port:
        target = await callbacks.target(f"http://127.0.0.1:{port}/")
        under_way = asyncio.create_task(callbacks.post(target, b"", {}))
        await asyncio.sleep(0)
        async with consumer(port=port) as somebody:
            assert await under_way == 202
    assert len(somebody.received) == 1
    await callbacks.close()


async def test_nobody_comes() -> None:
    callbacks = Callbacks(HERE, pauses=(0, 0))
    with held_port() as port, pytest.raises(CallbackFailed, match="connected"):
        await callbacks.post(await callbacks.target(f"http://127.0.0.1:{port}/"), b"", {})
    await callbacks.close()


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n", 302),
        (b"HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\noops", 500),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n" + b"x" * (1 << 20), 200),
        (b"", None),
        (b"nonsense\r\n\r\n", None),
    ],
)
async def test_answers_are_heard_and_not_followed(answer: bytes, status: int | None) -> None:
    """What arrived is not sent again, whatever became of it."""
    async with consumer(answer) as somebody:
        callbacks = Callbacks(HERE, pauses=(0,))
        target = await callbacks.target(f"http://127.0.0.1:{somebody.port}/")
        if status is None:
            with pytest.raises(CallbackFailed):
                await callbacks.post(target, b"", {})
        else:
            assert await callbacks.post(target, b"", {}) == status
        await callbacks.close()
    assert len(somebody.received) == 1


@pytest.mark.parametrize("password", ["p\u00e4ssword", "pass\0word"])
async def test_what_http_cannot_carry_is_not_sent_and_not_told(password: str) -> None:
    """The text of the failure is for the log, which is no place for credentials."""
    received = asyncio.get_running_loop().create_future()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            received.set_result(await reader.read())
        writer.close()

    async with await asyncio.start_server(hear, "127.0.0.1", 0) as server:
        callbacks = Callbacks(HERE)
        target = await callbacks.target(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        with pytest.raises(CallbackFailed) as failed:
            await callbacks.post(target, b"", {"authorization": f"Bearer {password}"})
        await callbacks.close()
        assert not await received
    assert "credentials" in failed.value.told
    assert "word" not in str(failed.value)


async def test_who_does_not_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWERED_WITHIN", 0.5)
    async with consumer(None) as somebody:
        callbacks = Callbacks(HERE, pauses=(0,))
        with pytest.raises(CallbackFailed, match="time"):
            await callbacks.post(await callbacks.target(f"http://127.0.0.1:{somebody.port}/"), b"", {})
        await callbacks.close()


async def test_so_many_at_a_time() -> None:
    """The second is sent when the first has its answer."""
    async with consumer() as somebody:
        somebody.let.clear()
        callbacks = Callbacks(HERE, at_a_time=1)
        target = await callbacks.target(f"http://127.0.0.1:{somebody.port}/")
        calls = [asyncio.create_task(callbacks.post(target, b"", {})) for _ in range(3)]
        await somebody.came.wait()
        for _ in range(50):  # as often as the second would need
            await asyncio.sleep(0)
        assert len(somebody.received) == 1
        somebody.let.set()
        assert await asyncio.gather(*calls) == [202] * 3
        await callbacks.close()


async def test_tls_is_about_the_name(certificate: Certificate) -> None:
    """The certificate has to be the name's, although the connection goes to an address."""
    context, trust = certificate
    names = Names(consumer=["127.0.0.1"], other=["127.0.0.1"])
    callbacks = Callbacks(HERE, resolve=names, trust=trust, pauses=())
    async with consumer(context=context) as somebody:
        assert await callbacks.post(await callbacks.target(f"https://consumer:{somebody.port}/"), b"", {}) == 202
        with pytest.raises(CallbackFailed, match="certificate"):
            await callbacks.post(await callbacks.target(f"https://other:{somebody.port}/"), b"", {})
    assert len(somebody.received) == 1
    await callbacks.close()
