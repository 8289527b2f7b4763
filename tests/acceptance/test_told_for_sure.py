"""Whatever is killed or away meanwhile: what a subscription is owed comes, and from whom it says it does."""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from tests.acceptance.consumers import Consumer
from tests.acceptance.test_notified import STATUS, subscribed, told
from tests.acceptance.test_subscriptions import FILTER, POLICY
from tests.acceptance.watching import eventually, rewind, traces
from tests.ports import held_port
from tests.server import Server, Wire
from wsrf_activity.model import ns

ACT = f"{{{ns.ACT}}}"
#: No lease runs out here: who delivers after a kill has seen that the process is gone.
CONFIG = """
[limits]
lease = "PT1H"
"""
ENDED = [f"{STATUS}/{phase}" for phase in ("Queued", "Executing", "Completed")]


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[Server]:
    url = None if database_url.startswith("sqlite") else database_url
    server = Server(tmp_path / "data", url, config=CONFIG)
    server.start()
    yield server
    server.stop()
    print(server.log.read_text())  # noqa: T201 - pytest shows it where a test has failed


@pytest.fixture
def port() -> Iterator[int]:
    """Where nobody listens until the test does."""
    with held_port() as port:
        yield port


def shown(wire: Wire, address: str, name: str) -> str | None:
    return wire.call("<wsrfrp:GetResourcePropertyDocument/>", url=address)[0].findtext(f"{ACT}{name}")


def heard(consumer: Consumer, path: str, last: str) -> list[tuple[str, int]]:
    """Return the topics that come to a path until the last one, each once."""
    topics: list[tuple[str, int]] = []
    while last not in [topic for topic, _ in topics]:
        topics += (each for each in told(consumer.next(path).body) if each not in topics)
    return topics


def test_what_is_pending_survives_a_kill(server: Server, port: int) -> None:
    """And so do a renewed time, a pause and a policy: nothing of a subscription is in memory alone."""
    base = f"http://127.0.0.1:{port}"
    with server.client() as wire:
        pending = subscribed(wire, f"{base}/pending")
        paused = subscribed(wire, f"{base}/paused", FILTER + POLICY.format("<wsnt:UseRaw/>"))
        wire.call("<wsnt:PauseSubscription/>", url=paused)
        renewal = wire.call("<wsnt:Renew><wsnt:TerminationTime>P7D</wsnt:TerminationTime></wsnt:Renew>", url=paused)
        assert wire.ended(wire.create("true")) == "Completed"
        eventually(lambda: shown(wire, pending, "Delivery") == "Retrying")
        assert "cannot be connected to" in (shown(wire, pending, "LastError") or "")
        server.kill()
    server.start()
    with server.client() as wire, Consumer(port).listening() as consumer:
        assert [topic for topic, _ in heard(consumer, "/pending", ENDED[-1])] == ENDED
        eventually(lambda: shown(wire, pending, "Delivery") == "Active")
        document = wire.call("<wsrfrp:GetResourcePropertyDocument/>", url=paused)[0]
        assert document.findtext(f"{ACT}Paused") == "true"
        assert document.findtext(f"{{{ns.RL}}}TerminationTime") == renewal.findtext(f"{{{ns.WSNT}}}TerminationTime")
        assert not consumer.has_more("/paused")
        wire.call("<wsnt:ResumeSubscription/>", url=paused)
        assert [consumer.next("/paused").envelope[0].findtext(f"{ACT}Event/{{{ns.WSNT}}}Topic") for _ in ENDED] == ENDED


def test_an_end_is_told_although_nobody_served_when_its_time_came(server: Server) -> None:
    with server.client() as wire, Consumer().listening() as consumer:
        activity_id = wire.create("true")
        wire.ended(activity_id)
        subscribed(wire, consumer.address("/one"), "", activity_id=activity_id)
        subscribed(wire, consumer.address("/all"), "")
        server.kill()
        rewind(server, activity_id)
        server.start()
        for path in ("/one", "/all"):
            topics = heard(consumer, path, "act:Terminated")
            assert [topic for topic, _ in topics].count("act:Terminated") == 1
        eventually(lambda: traces(server, activity_id) == [])


def test_a_consumer_knows_who_calls_and_is_asked_before(server: Server) -> None:
    """The challenge is asked for once; each call is signed, and logs in as it was told to."""

    def answer(said: bytes) -> bytes:
        challenge = etree.fromstring(said).findtext(f".//{ACT}VerifyConsumer/{ACT}Challenge")
        if challenge is None:
            return b""
        confirmed = f"<a:VerifyConsumerResponse><a:Challenge>{challenge}</a:Challenge></a:VerifyConsumerResponse>"
        return f"<s:Envelope xmlns:s='{ns.S11}' xmlns:a='{ns.ACT}'><s:Body>{confirmed}</s:Body></s:Envelope>".encode()

    credentials = "<act:Credentials><act:User>ada</act:User><act:Password>p:w</act:Password></act:Credentials>"
    policy = POLICY.format(f"<act:VerifyConsumer/><act:Secret>between us</act:Secret>{credentials}")
    with server.client() as wire, Consumer(answer=answer).listening() as consumer:
        address = subscribed(wire, consumer.address("/sure"), FILTER + policy)
        wire.create("true")
        first = consumer.next("/sure")
        assert first.body.tag == f"{ACT}VerifyConsumer"
        came = consumer.next("/sure")
        assert told(came.body)
        assert came.headers["authorization"] == "Basic " + base64.b64encode(b"ada:p:w").decode()
        moment, _, signature = came.headers["x-wsrf-activity-signature"].partition(",")
        signed = moment.removeprefix("t=").encode() + b"." + came.content
        assert signature == "sha256=" + hmac.new(b"between us", signed, hashlib.sha256).hexdigest()
        said = etree.tostring(wire.call("<wsrfrp:GetResourcePropertyDocument/>", url=address)).decode()
        assert "between us" not in said
        assert "p:w" not in said


def test_who_does_not_confirm_is_told_nothing(server: Server) -> None:
    with server.client() as wire, Consumer().listening() as consumer:
        address = subscribed(wire, consumer.address("/no"), FILTER + POLICY.format("<act:VerifyConsumer/>"))
        wire.ended(wire.create("true"))
        eventually(lambda: "did not confirm" in (shown(wire, address, "LastError") or ""))
        assert shown(wire, address, "Delivered") == "0"
        assert consumer.next("/no").body.tag == f"{ACT}VerifyConsumer"
