"""The process that owns an attempt: begins the work, ends it when its time is over, and leaves a report.

It is forked from the zygote and needs nobody: neither the zygote nor, once the work has begun, the server. All that it
has to say lies in the attempt's folder (``attempt.py``) or is a line over the channel to the server. When its work is
over it takes the next, since a fork costs more than most of what it does; it ends when nobody is there to ask.
"""

import binascii
import contextlib
import itertools
import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator

from wsrf_activity.engines import attempt, outputs, processes
from wsrf_activity.engines.attempt import Claim, End, Record
from wsrf_activity.engines.beginning import begin
from wsrf_activity.engines.forking import Forking
from wsrf_activity.engines.order import NotStarted, Order

ABORT = signal.SIGTERM  #: end the work
LOOK = signal.SIGUSR1  #: the limit was changed
STAY = signal.SIGUSR2  #: somebody waits for this process to end: take no other work after this

#: What the supervisor waits for. Blocked in the zygote, so that none is lost around the fork.
AWAITED = frozenset({signal.SIGCHLD, ABORT, LOOK, STAY})
CHILD = frozenset({signal.SIGCHLD})

#: The answers to the server, a line each. BEGUN is followed by its pid, FAILED by a sentence, ENDED by a JSON object:
#: the report, and what saves the server a look at the folder.
BEGUN = "begun"  #: this supervisor runs the work; a pidfd of it comes along with the first
ENDED = "ended"  #: the work that it ran is over, and there is a report
TAKEN = "taken"  #: another one runs or ran the work
FAILED = "failed"
BURIED = "buried"  #: nothing is left of the work

_HALF_A_DAY = 43200.0  #: as long as one wait may be
_QUICK = 0.01  #: seconds within which the end of the work is told together with its beginning
_ROOM = 4096  #: bytes for a report without its results
_LISTING = 0.5  #: seconds to find out who is to get a TERM, if they are so many


class Taken(Exception):
    """The attempt is another supervisor's."""


class Supervisor:
    """Serves one server, order after order."""

    def __init__(self, channel: socket.socket, boot: str, forking: Forking | None = None) -> None:
        """Begin work by ``forking``, where it can; otherwise, and without it, as a program of its own."""
        self._channel = channel
        self._boot = boot
        self._forking = forking
        this = processes.find(os.getpid())
        self._start = 0 if this is None else this.start
        self._stays = False
        self._known = False  #: whether the server has a pidfd of this process
        self._begun = False  #: whether it has been told that the work has begun

    def serve(self) -> None:
        """Take orders until the server has gone, or until a later one waits for the end of this process."""
        try:
            self._serve()
        finally:
            if self._forking is not None:
                self._forking.retire()

    def _serve(self) -> None:
        while not self._stays and (content := self._receive()):
            order = Order(**json.loads(content))
            try:
                self._obey(order)
            except Taken:
                self._answer(TAKEN)
            except NotStarted as error:
                self._answer(f"{FAILED} {error}")
            except Exception:
                # From Python 3.14 on it needs more than all else here.
                import traceback  # noqa: PLC0415 - so it is loaded by what has failed alone

                attempt.write_whole(f"{order.folder}/{attempt.CRASH}", traceback.format_exc().encode())
                raise

    def _obey(self, order: Order) -> None:
        self._notice()
        if order.bury:
            _bury(order, self._boot)
            self._answer(BURIED)
            return
        ended = self._run(order)
        self._notice()
        if not self._stays:
            self._say_begun()
            self._answer(f"{ENDED} {ended}")

    def _notice(self) -> None:
        """Take the signals that came between two pieces of work: what was for the last is not for the next."""
        while came := signal.sigtimedwait(AWAITED, 0):
            self._stays |= came.si_signo == STAY

    def _run(self, order: Order) -> str:
        """See the work through and return what to say of it."""
        claim, record = self._claim(order)
        self._begun = False
        try:
            pid = begin(order, self._forking)
        except BaseException:
            record.withdraw()
            raise
        clock, started = time.monotonic(), time.time()
        main = processes.find(pid)
        if main is not None:
            record.session(pid, main.start)
        tree = _Tree(pid, self._forking)
        reason = self._tend(tree, order.folder, claim, clock)
        ended = time.time()
        if not tree.gone():
            self._say_begun()
            tree.end(order.grace)
        if reason != "exited":
            ended = time.time()
        code = os.waitstatus_to_exitcode(tree.status or 0)
        reason = _full(order, code) if reason == "exited" else reason
        end = End(128 - code if code < 0 else code, reason, started, max(started, ended))
        record.end(end)
        return _report(order, end, record, self._say_begun)

    def _claim(self, order: Order) -> tuple[Claim, Record]:
        """Become the one who runs the attempt, unless nobody waits for that any more.

        A server that was killed has a successor, which finds no claim and asks again, or learns that the activity was
        aborted meanwhile: then a late start would be work that nobody knows of.
        """
        claim = Claim(os.getpid(), self._start, self._boot, order.limit)
        hung_up = select.poll()
        hung_up.register(self._channel, 0)
        try:
            os.makedirs(f"{order.folder}/{attempt.WORK}", exist_ok=True)
            os.chdir(f"{order.folder}/{attempt.WORK}")
            record = _reserve(order)
            if hung_up.poll(0):
                record.discard()
                raise Taken
            if not record.claim(claim):
                raise Taken
        except OSError as error:
            raise NotStarted(f"The folder of the work cannot be made: {error.strerror}.") from error
        return claim, record

    def _tend(self, tree: "_Tree", folder: str, claim: Claim, clock: float) -> str:
        """Wait for what ends the work and return its name. The limit counts on the clock that nobody can set."""
        limit = claim.limit
        while True:
            tree.gone()
            if tree.status is not None:
                return "exited"
            left = _HALF_A_DAY if limit is None else clock + limit - time.monotonic()
            if left <= 0:
                return "limit"
            patience = _HALF_A_DAY if self._begun else max(0.0, clock + _QUICK - time.monotonic())
            came = signal.sigtimedwait(AWAITED, min(left, patience))
            if came is None:
                self._say_begun()
                continue
            number = came.si_signo
            if number == ABORT:
                return "aborted"
            self._stays |= number == STAY
            if number == LOOK:
                limit = attempt.read_limit(folder, claim)

    def _receive(self) -> bytes:
        """Return the next order; nothing where the server has gone, even in the middle of it."""
        content = bytearray()
        self._rest()
        while not content.endswith(b"\n"):
            try:
                part = self._channel.recv(65536)
            except ConnectionResetError:
                part = b""
            if not part:
                return b""
            content += part
        return bytes(content)

    def _rest(self) -> None:
        """Wait for an order as long as a process is kept for the next call, and keep it no longer than that."""
        kept = None if self._forking is None else self._forking.kept
        if self._forking is None or kept is None:
            return
        orders = select.poll()
        orders.register(self._channel, select.POLLIN)
        if not orders.poll(1000 * max(0.0, kept.until - time.monotonic())):
            self._forking.retire()

    def _say_begun(self) -> None:
        """Say it, unless that was said: at the latest before anything that may take its time."""
        if self._begun:
            return
        self._begun = True
        me = os.getpid()
        if self._known:
            self._answer(f"{BEGUN} {me}")
            return
        pidfd = os.pidfd_open(me)
        try:
            socket.send_fds(self._channel, [f"{BEGUN} {me}\n".encode()], [pidfd])
            self._known = True
        except OSError:  # too many descriptors are in flight, or the server was killed: it reads the folder instead
            self._stays = True
            self._channel.close()
        os.close(pidfd)

    def _answer(self, text: str) -> None:
        with contextlib.suppress(OSError):  # it was closed; who needs to know reads the folder
            self._channel.sendall(text.encode() + b"\n")


class _Tree:
    """The work with all that it started: every orphan of it becomes a child of this process, or of one that is kept."""

    def __init__(self, pid: int, forking: Forking | None) -> None:
        self.pid = pid
        self.status: int | None = None  #: of the main process, once it ended
        self._forking = forking
        self._rests = False  #: whether the main process has done with the work, and is all that is left of it

    def gone(self) -> bool:
        """Bury the dead; whether nobody is left that is at work."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return self._rested()
            if pid == self.pid:
                self.status = status
                self._forget()

    def _rested(self) -> bool:
        kept = None if self._forking is None else self._forking.kept
        if self.status is None and kept is not None and kept.rests():
            self.status, self._rests = 0, True
        return self._rests

    def _forget(self) -> None:
        if self._forking is not None:
            self._forking.forget()

    def end(self, grace: float) -> None:
        """End everybody: TERM, after the grace KILL, again until nobody is left."""
        self._rests = False
        self._forget()
        if self.gone():
            return
        with _urgency():
            self._end(grace)

    def _end(self, grace: float) -> None:
        soon = time.monotonic() + _LISTING
        found = list(itertools.takewhile(lambda _: time.monotonic() < soon, processes.below(os.getpid())))
        for each in (signal.SIGTERM, signal.SIGCONT):
            processes.send(found, each)
        deadline = time.monotonic() + grace
        while not self.gone() and (left := deadline - time.monotonic()) > 0:
            signal.sigtimedwait(CHILD, left)
        pause = 0.01
        while not self.gone():
            processes.send(processes.below(os.getpid()), signal.SIGKILL)  # each at once, before it forks again
            signal.sigtimedwait(CHILD, pause)
            pause = min(2 * pause, 1.0)


@contextlib.contextmanager
def _urgency() -> Iterator[None]:
    """Go before the work where that is allowed: thousands of forking processes leave nobody else any time."""
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -20)
    yield
    os.setpriority(os.PRIO_PROCESS, 0, usual)


def _full(order: Order, code: int) -> str:
    """Tell work that met the cap on output from work that ended by itself.

    Whoever does not ignore SIGXFSZ dies of it, and a shell passes that on as 153; whoever ignores it sees an error and
    fails by itself.
    """
    if code == -signal.SIGXFSZ:
        return "output"
    folders = [order.folder] if code != 0 else []
    if code == 128 + signal.SIGXFSZ:
        folders += [folder for folder, _, _ in os.walk(f"{order.folder}/{attempt.WORK}")]
    for folder in folders:
        with os.scandir(folder) as entries:
            if any(entry.is_file(follow_symlinks=False) and entry.stat().st_size >= order.cap for entry in entries):
                return "output"
    return "exited"


def _reserve(order: Order) -> Record:
    said = 0 if order.arguments is None else attempt.FAILURE_ROOM
    return Record(order.folder, _ROOM + outputs.ENTRY * (outputs.SAID + len(order.results)) + said)


def _report(order: Order, end: End, record: Record, slow: Callable[[], object]) -> str:
    """Write the report and return what to say of it; ``slow`` is called before what may take its time."""
    found, missing, contents = outputs.collect_all(order.folder, order.media_type, order.results, slow)
    report = {
        "code": end.code,
        "reason": end.reason,
        "started": _iso(end.started),
        "ended": _iso(end.ended),
        "outputs": found,
        "missing": missing,
    }
    record.report(json.dumps(report, ensure_ascii=False).encode())
    known = {name: binascii.b2a_base64(content, newline=False).decode() for name, content in contents.items()}
    spoke, wishes = (os.path.lexists(f"{order.folder}/{name}") for name in (attempt.MESSAGES, attempt.SPAWNED))
    return json.dumps({"report": report, "contents": known, "spoke": spoke, "wishes": wishes})


def _iso(seconds: float) -> str:
    whole, microseconds = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{microseconds:06}Z"


def _bury(order: Order, boot: str) -> None:
    cookies = tuple(f"{name}={value}".encode() for name, value in order.cookies.items())
    claim = attempt.read_claim(order.folder)
    leader = attempt.read_session(order.folder) if claim is not None and claim.boot == boot else None
    pause, quiet = 0.01, 0
    while quiet < 2:  # one look can miss the child of a parent that ended during it
        quiet = 0 if processes.send(processes.of_attempt(cookies, leader), signal.SIGKILL) else quiet + 1
        time.sleep(pause * (quiet == 0))
        pause = min(2 * pause, 1.0)
    if claim is None or attempt.has_report(order.folder):
        return
    end = attempt.read_end(order.folder)
    if end is None and order.aborted:
        began = os.lstat(f"{order.folder}/{attempt.SUPERVISOR}").st_mtime
        end = End(128 + signal.SIGKILL, "aborted", began, max(began, time.time()))
    if end is not None:
        _report(order, end, _reserve(order), lambda: None)
