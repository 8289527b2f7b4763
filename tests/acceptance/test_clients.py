"""Clients that hang up, dawdle, flood and lie about their heads: others are served, and nothing of them stays."""

import contextlib
import re
import socket
import time
from pathlib import Path

import pytest

from tests.acceptance.conftest import CONFIG
from tests.acceptance.probing import address, descriptors, eventually, head, received, resident
from tests.server import TIMEOUT, Server, Wire, running

LIST = "<act:ListActivities/>"
UNKNOWN = "a" * 26


def test_an_interrupted_input_leaves_nothing(alone: Server) -> None:
    """The client goes in the middle."""
    uploads = alone.data / "uploads"
    before = set(uploads.iterdir())
    with socket.create_connection(address(alone), TIMEOUT) as client:
        client.sendall(head(alone, "PUT", "/input", "Content-Length: 10000000\r\n") + b"x" * 3_000_000)
        eventually(lambda: set(uploads.iterdir()) != before)
    eventually(lambda: set(uploads.iterdir()) == before)


def test_clients_that_hang_up_in_a_wait_leave_nothing(alone: Server, holder: Wire) -> None:
    """No descriptor, no waiter: a thousand of them cost next to nothing."""
    activity_id = holder.create("sleep 600")
    holder.wait(activity_id, "<act:For>Executing</act:For>")
    body = holder.envelope("<act:Wait/>")
    whole = (
        head(alone, "POST", f"/activity/{activity_id}", f"Content-Type: text/xml\r\nContent-Length: {len(body)}\r\n")
        + body
    )
    before, memory = descriptors(alone), 0
    for number in range(5):
        for _ in range(200):
            with socket.create_connection(address(alone), TIMEOUT) as client:
                client.sendall(whole)
        with alone.client() as later:
            later.call(LIST)  # connections are accepted in turn
        eventually(lambda: descriptors(alone) <= before + 5)
        memory = memory or (resident(alone) if number == 1 else 0)
    assert resident(alone) < memory + 10_000_000
    holder.destroy(activity_id)


def test_slow_clients_do_not_hold_up_others(alone: Server, holder: Wire) -> None:
    """Five hundred of them that never finish what they began; each is let go when it goes."""
    before = descriptors(alone)
    beginnings = [
        b"",
        b"POST /activ",
        b"POST /activity HTTP/1.1\r\nHost: localhost\r\nX: ",
        head(alone, "POST", "/activity", "Content-Type: text/xml\r\nContent-Length: 1000\r\n") + b"<s:Env",
        head(alone, "POST", "/activity", "Content-Type: text/xml\r\nTransfer-Encoding: chunked\r\n") + b"5\r\n<s:",
    ]
    with contextlib.ExitStack() as stack:
        for beginning in beginnings * 100:
            client = stack.enter_context(socket.create_connection(address(alone), TIMEOUT))
            client.sendall(beginning)
        holder.call(LIST)
    eventually(lambda: descriptors(alone) <= before + 5)


def test_requests_one_after_another_on_one_connection(alone: Server, holder: Wire) -> None:
    """Sent without waiting for the answers, which come in order."""
    body = holder.envelope(LIST)
    one = head(alone, "POST", "/activity", f"Content-Type: text/xml\r\nContent-Length: {len(body)}\r\n") + body
    last = head(alone, "GET", "/health", "Connection: close\r\n")
    with socket.create_connection(address(alone), TIMEOUT) as client:
        client.sendall(one * 20 + head(alone, "GET", "/nothing") + last)
        answer = received(client)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200"] * 20 + [b"404", b"200"]


@pytest.mark.parametrize(
    "rest",
    [
        "X: " + "x" * 200_000 + "\r\n",
        "".join(f"X-{n}: {n}\r\n" for n in range(20_000)),
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: x\r\n",
        "Content-Length: 99999999999999999999999999\r\n",
        " folded: x\r\n",
        "a b: x\r\n",
        "X: a\0b\r\n",
    ],
    ids=lambda rest: repr(rest[:30]),
)
def test_heads_that_are_none(alone: Server, rest: str) -> None:
    """Refused, and the connection closed: the next request on it could be anybody's."""
    with socket.create_connection(address(alone), TIMEOUT) as client:
        with contextlib.suppress(ConnectionError):
            client.sendall(head(alone, "POST", "/activity", "Content-Type: text/xml\r\n" + rest) + b"hello")
        answer = received(client)
    assert re.match(rb"HTTP/1.1 4(00|31|13) ", answer) or not answer, answer


def test_a_head_without_end_is_cut_off(alone: Server) -> None:
    """At sixty-four thousand bytes, not when the memory is full."""
    sent = 0
    with socket.create_connection(address(alone), TIMEOUT) as client, contextlib.suppress(ConnectionError):
        client.sendall(b"GET /")
        for _ in range(10_000):
            sent += client.send(b"x" * 10_000)
    assert sent < 50_000_000


def test_a_refused_body_does_not_spoil_the_connection(alone: Server, anybody: Wire) -> None:
    """An answer before the body has been read reaches clients that read only after they have sent all."""
    for _ in range(3):
        response = anybody.http.post(
            anybody.address(None), content=b"x" * 30_000_000, headers={"content-type": "text/xml"}
        )
        assert response.status_code == 401
    assert anybody.http.get(f"{anybody.base}/health").status_code == 200


def test_a_flood_of_connections(alone: Server) -> None:
    """Five hundred at once are answered, each with its own."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(address(alone), TIMEOUT)) for _ in range(500)]
        for number, client in enumerate(clients):
            client.sendall(head(alone, "GET", f"/activity/{UNKNOWN}/result/{number}" if number % 2 else "/health"))
        for number, client in enumerate(clients):
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 404" if number % 2 else b"HTTP/1.1 200")


def test_the_server_stops_though_clients_are_slow(tmp_path: Path) -> None:
    """Neither half a request nor a Wait keeps it."""
    with running(Server(tmp_path / "server", None, CONFIG)) as server:
        with server.client() as wire:
            activity_id = wire.create("sleep 600")
            body = wire.envelope("<act:Wait/>")
            wait = (
                head(
                    server,
                    "POST",
                    f"/activity/{activity_id}",
                    f"Content-Type: text/xml\r\nContent-Length: {len(body)}\r\n",
                )
                + body
            )
            half = head(server, "POST", "/activity", "Content-Type: text/xml\r\nContent-Length: 1000\r\n")
            with socket.create_connection(address(server)) as one, socket.create_connection(address(server)) as two:
                one.sendall(wait)
                two.sendall(half)
                began = time.monotonic()
                assert server.stop() == 0
                assert time.monotonic() - began < TIMEOUT / 2
        assert "Traceback" not in server.log.read_text()
        with server.start().client() as wire:
            wire.destroy(activity_id)


def test_a_client_that_asks_before_it_sends(alone: Server, holder: Wire) -> None:
    """It is told to go on where the body is wanted, and not where the answer is known without (RFC 9110, 10.1.1)."""
    body = holder.envelope(LIST)
    rest = f"Content-Type: text/xml\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\nConnection: close\r\n"
    with socket.create_connection(address(alone), TIMEOUT) as client:
        client.sendall(head(alone, "POST", "/activity", rest))
        client.settimeout(TIMEOUT)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 100 ")
        client.sendall(body)
        assert received(client).startswith(b"HTTP/1.1 200 ")
    with socket.create_connection(address(alone), TIMEOUT) as client:
        client.sendall(head(alone, "POST", "/activity", rest).replace(alone.token.encode(), b"wrong"))
        assert received(client).startswith(b"HTTP/1.1 401 ")
