"""Subscribers: they subscribe, renew, pause, resume, fetch and unsubscribe, whatever happens to the server."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import httpx
from lxml import etree
from sqlalchemy import select

from tests.acceptance.watching import database
from tests.server import Fault, Server
from tests.torture.asking import Gone, Patient
from tests.torture.consumers import Consumers
from tests.torture.journal import Journal
from tests.torture.told import OWN, SECRET, Attempt, Books, Wish
from wsrf_activity.model import ns
from wsrf_activity.store import tables

#: For a server under torture: else who was away for a minute would be told minutes later.
CONFIGURATION = '[callbacks]\nallow = ["loopback"]\nretry_first = "PT0.1S"\nretry_most = "PT1S"\n'
#: Of those who want to be told of everything; each has a consumer of its own.
_EVERYTHING = (
    Wish(signed=True),
    Wish(raw=True),
    Wish(filtering="status", verify=True),
    Wish(filtering="completed"),
    Wish(pause=True),
)
_OTHERS = 3  #: consumers of those who want to be told of one activity
_SOON = 300.0  #: seconds in which everything is told, when all is well and the machine busy

_TOPIC = f'<wsnt:TopicExpression Dialect="{ns.TOPIC_SIMPLE}">act:StatusChanged</wsnt:TopicExpression>'
_CONTENT = (
    f'<wsnt:MessageContent Dialect="{ns.XPATH10}">boolean(/act:StatusChange[act:Phase="Completed"])'
    "</wsnt:MessageContent>"
)
_FILTERS = {
    "nothing": "",
    "status": f"<wsnt:Filter>{_TOPIC}</wsnt:Filter>",
    "completed": f"<wsnt:Filter>{_CONTENT}</wsnt:Filter>",
}


class Subscribers:
    """All of them, with their consumers, on threads of their own."""

    def __init__(self, patient: Patient, journal: Journal, server: Server, seed: int) -> None:
        self._patient = patient
        self._journal = journal
        self._server = server
        self._seed = seed
        self._books = Books(journal)
        self._consumers = Consumers(len(_EVERYTHING) + _OTHERS, seed, self._books.take)
        self._stopping = threading.Event()
        self._over = threading.Event()  #: nothing is owed to pull points any more
        self._lasting: list[Attempt] = []
        self._threads: list[threading.Thread] = []

    @contextmanager
    def living(self) -> Iterator["Subscribers"]:
        """Subscribe to everything, then begin to live beside the clients."""
        with self._consumers.living() as consumers:
            for wish, consumer in zip(_EVERYTHING, consumers.all[_OTHERS:], strict=True):
                self._lasting.append(self._insist(wish, consumer.address))
            pull_point = self._patient.call_at("<wsnt:CreatePullPoint/>", "pullpoint")
            self._pull_point = pull_point.findtext(f".//{{{ns.WSA}}}Address") or ""
            fetched = self._insist(Wish(), lambda path: self._pull_point)
            self._lasting.append(fetched)
            self._begin("fetcher", lambda rng: self._fetch(fetched))
            self._begin("manager", lambda rng: self._manage(rng, self._lasting[len(_EVERYTHING) - 1]))
            for number in range(2):
                self._begin(f"subscriber {number}", self._pass)
            try:
                yield self
            finally:
                self._stopping.set()
                self._over.set()
                for thread in self._threads:
                    thread.join()

    def stop(self) -> None:
        """Let no new subscription begin, and all consumers be well."""
        self._stopping.set()
        for thread in self._threads[1:]:
            thread.join()
        self._consumers.recover()

    def finish(self) -> None:
        """Wait until everything is told of activities that are all gone, check that, and end what is left."""
        self._await_told()
        self._over.set()
        self._threads[0].join()
        for wrong in self._books.wrong():
            self._journal.violation(wrong)
        if strays := [path for consumer in self._consumers.all for path in consumer.strayed]:
            self._journal.violation(f"redirects were followed: {strays[:5]}")
        self._end()

    @property
    def figures(self) -> str:
        """How much there was."""
        came = self._books.came.values()
        distinct = sum(len({told.event_id for told in each}) for each in came)
        return f"{len(self._books.attempts)} subscriptions, {distinct} messages, {sum(map(len, came))} with repetitions"

    def _begin(self, name: str, work: Callable[[random.Random], None]) -> None:
        def run() -> None:
            try:
                work(random.Random(f"{self._seed} {name}"))
            except Exception as error:  # whatever it is, it was not to happen
                self._journal.violation(f"{name}: {type(error).__name__}: {error}")

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    # Subscribing, which must not be done twice.

    def _insist(self, wish: Wish, address: Callable[[str], str]) -> Attempt:
        """Subscribe until it is answered: each time anew, since what is not answered may have been done."""
        until = time.monotonic() + _SOON
        while (attempt := self._subscribe(wish, address)).subscription_id is None:
            if time.monotonic() > until:
                raise TimeoutError("Subscribe is not answered")
            time.sleep(0.05)
        return attempt

    def _subscribe(self, wish: Wish, address: Callable[[str], str]) -> Attempt:
        attempt = self._books.begin(wish)
        try:
            reply = self._patient.wire.call(_request(attempt, address(f"/{attempt.name}")), wish.activity_id)
        except httpx.TransportError:
            return attempt
        except Fault as fault:
            attempt.refused = fault.code != "Receiver"
            if attempt.refused and fault.name != "ResourceUnknownFault":
                raise
            return attempt
        reference = reply.findtext(f"{{{ns.WSNT}}}SubscriptionReference/{{{ns.WSA}}}Address") or ""
        attempt.subscription_id = reference.rpartition("/")[2]
        self._journal.note("subscribed", None, str(attempt))
        return attempt

    def _pass(self, rng: random.Random) -> None:
        """Subscribe to one activity after another."""
        while not self._stopping.wait(rng.uniform(0.1, 1.5)):
            there = [case for case in self._journal.cases if case.activity_id is not None and not case.gone]
            if not there:
                continue
            wish = Wish(
                activity_id=rng.choice(there[-8:]).activity_id,
                filtering=rng.choice(("nothing", "nothing", "nothing", "status", "completed")),
                raw=rng.random() < 0.2,
                verify=rng.random() < 0.2,
                signed=rng.random() < 0.2,
                first=rng.choice((None, None, 1, 2)),
            )
            attempt = self._subscribe(wish, rng.choice(self._consumers.all[:_OTHERS]).address)
            if attempt.subscription_id is not None and rng.random() < 0.3:
                self._meddle(rng, attempt)

    def _meddle(self, rng: random.Random, attempt: Attempt) -> None:
        """Pause it for a while, or end it early; it may be over meanwhile."""
        try:
            if rng.random() < 0.5:
                self._ask("<wsnt:PauseSubscription/>", attempt)
                self._stopping.wait(rng.uniform(0, 3.0))
                self._ask("<wsnt:ResumeSubscription/>", attempt)
            else:
                self._stopping.wait(rng.uniform(0, 2.0))
                attempt.ended = True
                self._ask("<wsnt:Unsubscribe/>", attempt)
        except Gone:
            return

    def _manage(self, rng: random.Random, attempt: Attempt) -> None:
        """Renew, pause and resume a subscription, and see that each is remembered."""
        while not self._stopping.is_set():
            hours = rng.randrange(1, 1000)
            renewed = self._ask(
                f"<wsnt:Renew><wsnt:TerminationTime>PT{hours}H</wsnt:TerminationTime></wsnt:Renew>", attempt
            )
            self._ask("<wsnt:PauseSubscription/>", attempt)
            self._stopping.wait(rng.uniform(0, 4.0))
            self._see(attempt, renewed[0].text or "", "true")
            self._ask("<wsnt:ResumeSubscription/>", attempt)
            self._stopping.wait(rng.uniform(0, 4.0))
            self._see(attempt, renewed[0].text or "", "false")

    def _see(self, attempt: Attempt, terminates: str, paused: str) -> None:
        document = self._ask("<wsrfrp:GetResourcePropertyDocument/>", attempt)[0]
        shown = {etree.QName(child).localname: child.text for child in document}
        if (shown["TerminationTime"], shown["Paused"]) != (terminates, paused):
            self._journal.violation(f"{attempt}: {shown} in place of {terminates}, paused {paused}")

    def _ask(self, body: str, attempt: Attempt) -> etree._Element:
        return self._patient.call_at(body, f"subscription/{attempt.subscription_id}")

    def _fetch(self, attempt: Attempt) -> None:
        """Fetch what comes to the pull point until there is nothing more, and ever will be."""
        last, place = "0", f"pullpoint/{self._pull_point.rpartition('/')[2]}"
        while True:
            over = self._over.is_set()
            content = f"<act:Timeout>PT1S</act:Timeout><act:Acknowledge>{last}</act:Acknowledge>"
            reply = self._patient.call_at(f"<wsnt:GetMessages>{content}</wsnt:GetMessages>", place)
            last = reply.findtext(f"{{{ns.ACT}}}Last") or last
            self._books.read(attempt, reply)
            if over and len(reply) <= 1:
                return

    # The end.

    def _await_told(self) -> None:
        """Return when nobody is owed anything: the last of the log goes then, and each one's subscriptions before."""
        until = time.monotonic() + _SOON
        while left := self._owed():
            if time.monotonic() > until:
                self._journal.violation(f"{len(left)} rows are owed to somebody still: {left[:8]}")
                return
            time.sleep(0.1)

    def _owed(self) -> Sequence[object]:
        tied = select(tables.subscription).where(tables.subscription.c.activity_id.is_not(None))
        queries = (tied, select(tables.departed), select(tables.event))
        with database(self._server).connect() as connection:
            return [tuple(row) for query in queries for row in connection.execute(query)]

    def _end(self) -> None:
        """End what is left: all of it is known, or the answer to its Subscribe was lost."""
        with database(self._server).connect() as connection:
            left = set(connection.execute(select(tables.subscription.c.id)).scalars())
        for attempt in self._lasting:
            if attempt.subscription_id not in left:
                self._journal.violation(f"{attempt}: the subscription is not there any more")
        lost = sum(each.subscription_id is None and not each.refused for each in self._books.attempts.values())
        if len(left) > len(self._lasting) + lost:
            self._journal.violation(f"{len(left)} subscriptions are left, {len(self._lasting)} known and {lost} lost")
        self._patient.call_at("<wsnt:DestroyPullPoint/>", f"pullpoint/{self._pull_point.rpartition('/')[2]}")
        for subscription_id in left - {self._lasting[-1].subscription_id}:
            try:
                self._patient.call_at("<wsnt:Unsubscribe/>", f"subscription/{subscription_id}")
            except Gone:  # it filled the pull point
                self._journal.note("was gone", None, subscription_id)


def _request(attempt: Attempt, address: str) -> str:
    wish = attempt.wish
    parameters = f'<own:Own xmlns:own="{OWN}">{attempt.name}</own:Own>'
    if "/pullpoint/" in address:
        parameters = ""
    policies = (
        ("<wsnt:UseRaw/>", wish.raw),
        (f"<act:FromSequence>{wish.first}</act:FromSequence>", wish.first is not None),
        ("<act:VerifyConsumer/>", wish.verify),
        (f"<act:Secret>{SECRET}</act:Secret>", wish.signed),
    )
    policy = "".join(text for text, wanted in policies if wanted)
    return (
        f"<wsnt:Subscribe><wsnt:ConsumerReference><wsa:Address>{address}</wsa:Address>"
        f"<wsa:ReferenceParameters>{parameters}</wsa:ReferenceParameters></wsnt:ConsumerReference>"
        f"{_FILTERS[wish.filtering]}"
        + (f"<wsnt:SubscriptionPolicy>{policy}</wsnt:SubscriptionPolicy>" if policy else "")
        + "</wsnt:Subscribe>"
    )
