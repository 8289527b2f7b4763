"""What a store offers, ours or one of somebody else's: transactions, and in each of them the statements about records.

``testing.StoreContract`` checks all of it. docs/extending.md says how a store of another kind is written and installed.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, TypeVar

from wsrf_activity.model.activity import Activity
from wsrf_activity.model.events import Event, Logged, Termination
from wsrf_activity.model.listing import Filter, Page, Upload
from wsrf_activity.model.phases import Phase
from wsrf_activity.model.servers import Registered, Server
from wsrf_activity.model.subscriptions import Pulled, PullPoint, Subscription
from wsrf_activity.store.notices import Heard

T = TypeVar("T")


class Horizon(NamedTuple):
    """How far the log is settled. Rows of a transaction that is under way may still appear before later ones."""

    last: int  #: the id of the last row that there is
    writers: Collection[str]  #: the transactions under way, looked at after ``last``, that may have a lower one


class Database(Protocol):
    """The one way to what is stored, for the event loop.

    What a transaction does is a function of ``Records``. It may be called again, in any thread, and has no other
    effect. Its errors are its caller's; where it raises one nothing of it is kept. Of two that change one activity
    neither overwrites what the other did: ``Records.save`` tells the later one that it has changed.
    """

    async def change(self, transaction: "Transaction[T]") -> T:
        """Run in a transaction and return when it is committed for good; raises Unavailable where that cannot be."""

    async def read(self, transaction: "Transaction[T]") -> T:
        """Run against what is committed, without waiting for changes; raises Unavailable where that cannot be."""

    @property
    def shared(self) -> bool:
        """Whether there may be other servers on it, whose leases ``Records.servers`` keeps."""

    async def change_at_once(self, transaction: "Transaction[T]") -> T:
        """As ``change``, past all that waits for a connection: for what is of no use when it comes late."""

    async def listen(self, heard: Heard) -> None:
        """Call ``heard`` in the event loop, once this has returned, with what other servers do."""

    async def close(self) -> None:
        """Commit what is waiting and disconnect; once more is no harm. What is asked for later raises Unavailable."""


class Records(Protocol):
    """Activities, their events, and files that are sent ahead or still to be removed; in one transaction."""

    def get(self, activity_id: str) -> Activity | None:
        """Return an activity, expired or not, exactly as it was written."""

    def get_to_change(self, activity_id: str) -> Activity | None:
        """Return an activity that is about to be saved. Others who mean to change it wait, where the store can make
        them: without that, many on one activity would get in each other's way again and again.
        """

    def get_many(self, activity_ids: Sequence[str]) -> Mapping[str, Activity]:
        """Return those of these activities that there are, expired or not, by id."""

    def by_request(self, owner: str, request_id: str) -> Activity | None:
        """Return the activity that a request id of this owner has started."""

    def insert(self, activity: Activity, events: Sequence[Event]) -> bool:
        """Add an activity; False where another transaction took its request id first."""

    def save(self, old: Activity, new: Activity, events: Sequence[Event]) -> bool:
        """Write the next version of an activity, and its events behind those it has; False where it has changed.

        That is where version, phase or fence are not those of ``old`` any more.
        """

    def insert_many(self, added: Sequence[Activity], events: Sequence[Event]) -> None:
        """Add activities without request ids, of which nobody can know yet, at no more cost than one statement."""

    def save_many(self, pairs: Sequence[tuple[Activity, Activity]], events: Sequence[Event]) -> bool:
        """Write the next version of each, the new one second, as ``save`` does; their groups stay. False where one has
        changed.
        """

    def remove(
        self, folders: Mapping[str, str], end: Termination, *, expired_by: datetime | None = None
    ) -> Sequence[str]:
        """Delete activities and all that hangs on them; return which, without those that another has removed before.

        ``folders`` has, by id, what is noted as files still to be removed. With ``expired_by`` only what is expired
        at that time goes: a client may have been quick enough to extend it. Events stay where a subscription is owed
        them, with one more that tells of the ``end``.
        """

    def list(self, owner: str, wanted: Filter, now: datetime) -> Page:
        """Return a page of an owner's activities, newest first, without what has expired."""

    @property
    def subscriptions(self) -> "Subscriptions":
        """What concerns subscriptions, pull points, and the log that they read."""

    @property
    def families(self) -> "Families":
        """What concerns activities that belong together."""

    @property
    def servers(self) -> "Servers":
        """What concerns servers that share the database; of a store that is not ``shared`` nobody asks for it."""

    def owners_queued(self) -> Sequence[str]:
        """Return who has work in the queue, at a cost that does not grow with the queues."""

    def next_queued(self, owner: str, count: int, now: datetime) -> Sequence[Activity]:
        """Return an owner's oldest activities that are queued and may begin by now, locked against other servers."""

    def next_begin(self, now: datetime) -> datetime | None:
        """Return when the first work may begin that is queued for later."""

    def tell_of_queue(self) -> None:
        """Have other servers look at the queue: there is more in it than was taken, and what this transaction looked
        at was locked against them.
        """

    def in_phase(self, phase: Phase) -> Sequence[Activity]:
        """Return every activity in a phase: for recovery at start."""

    def over(self, now: datetime, limit: int) -> Sequence[str]:
        """Return the ids of what has ended and whose termination time has come, the longest overdue first."""

    def expired(self, now: datetime, limit: int, server_id: str | None = None) -> Sequence[Activity]:
        """Return activities whose termination time has come, the longest overdue first.

        With ``server_id`` those are left out that another server executes: it has to end the work.
        """

    def next_deadline(self, server_id: str | None = None) -> datetime | None:
        """Return when the next thing expires, without activities that another server executes as in ``expired``."""

    def add_upload(self, added: Upload) -> None:
        """Note an input that was sent ahead."""

    def get_upload(self, upload_id: str) -> Upload | None:
        """Return an input that was sent ahead, expired or not."""

    def remove_expired_uploads(self, now: datetime, folder: str) -> int:
        """Delete uploads whose time is over, noting their files below ``folder`` for removal."""

    def removals(self, after: str, limit: int) -> Sequence[str]:
        """Return paths that are still to be removed, in order, from beyond ``after``."""

    def removed(self, paths: Sequence[str]) -> None:
        """Forget paths that are gone."""


class Subscriptions(Protocol):
    """Subscriptions, pull points, and the event log as they read it; in one transaction."""

    def add(self, added: Subscription) -> None:
        """Add a subscription."""

    def get(self, subscription_id: str) -> Subscription | None:
        """Return a subscription, expired or not, that is about to be changed."""

    def some(self, ids: Collection[str] | None = None) -> Sequence[Subscription]:
        """Return those of these subscriptions that there are; all where none are named."""

    def save(self, new: Subscription) -> None:
        """Write all of a subscription that ``get`` has returned but its position, which only rises."""

    def advance(self, positions: Iterable[tuple[str, int, int]]) -> None:
        """Note for subscriptions, by id, up to where they have been told, and with how many messages more."""

    def remove_one(self, subscription_id: str) -> bool:
        """Delete a subscription; False where there is none."""

    def remove_expired(self, now: datetime) -> Sequence[str]:
        """Delete some subscriptions and pull points whose time is over; return all subscriptions that are gone."""

    def next_deadline(self) -> datetime | None:
        """Return when the next subscription or pull point expires."""

    def count(self, owner: str) -> int:
        """Return how many subscriptions an owner has."""

    def last(self, activity_id: str | None) -> int:
        """Return where the log ends now, for a new subscription."""

    def before(self, activity_id: str, sequence: int) -> int:
        """Return the position from which an activity's log is read on with ``sequence``."""

    def last_of(self, activity_id: str, count: int) -> Sequence[tuple[int, int]]:
        """Return the ids and the sequence numbers of an activity's last events, in order."""

    def of_activity(self, activity_id: str, after: int, limit: int) -> Sequence[Logged]:
        """Return an activity's events beyond a place among them, in order."""

    def of_owner(self, owner: str, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """Return the ids beyond one of the events of all of an owner's activities, and whose they are, in order."""

    def horizon(self) -> Horizon:
        """Return how far the log is settled; with one writer at a time that is ``Horizon(last, ())``."""

    def writers(self) -> Collection[str]:
        """Return the transactions that have written to the log and are under way; none with one writer at a time."""

    def forget_departed(self, owners: Collection[str]) -> None:
        """Delete what is left of these owners' activities that are gone, as far as nobody is owed it any more."""

    def departed_owners(self, told: Sequence[str] | None = None) -> Collection[str]:
        """Return whose activities have left something in the log; with ``told``, of the owners who have one of these
        subscriptions to all of their activities.
        """

    def add_pull_point(self, added: PullPoint) -> None:
        """Add a pull point."""

    def get_pull_point(self, pull_point_id: str, *, keep: bool = False) -> PullPoint | None:
        """Return a pull point, expired or not; with ``keep`` it stays until the transaction ends."""

    def count_pull_points(self, owner: str) -> int:
        """Return how many pull points an owner has."""

    def use_pull_point(self, pull_point_id: str, terminates: datetime | None) -> None:
        """Move the time of a pull point that was used."""

    def remove_pull_point(self, pull_point_id: str) -> Sequence[str] | None:
        """Delete a pull point, what is in it, and the subscriptions that fill it; return those, None where it is gone.

        Of two, this and ``put``, one comes first: what was put is then deleted here, or nothing is put.
        """

    def put(self, pull_point_id: str, contents: Sequence[bytes], most: int, size: int) -> bool:
        """Put messages into a pull point; False where it would have more than ``most`` of them, or of ``size`` bytes.

        One message always fits into an empty one. False, too, where there is no such pull point.
        """

    def pulled(self, pull_point_id: str, most: int, size: int) -> Sequence[Pulled]:
        """Return the oldest messages of a pull point: at most so many, and beyond the first at most ``size`` bytes."""

    def drop(self, pull_point_id: str, up_to: int) -> bool:
        """Delete messages that have been fetched; return whether there were any."""

    def fill(self, pull_point_id: str) -> Sequence[str]:
        """Return the subscriptions that fill a pull point."""


class Families(Protocol):
    """Activities that belong together: members of one, and those that come after others; in one transaction."""

    def lock(self, activity_ids: Sequence[str]) -> Mapping[str, Activity]:
        """Return those of these that there are, in the order of their ids, as ``get_to_change`` does each of them."""

    def live_below(self, activity_id: str) -> Sequence[Sequence[str]]:
        """Return the members that have not ended, and theirs, by how deep they are: the deepest first."""

    def below(self, activity_ids: Sequence[str]) -> Sequence[str]:
        """Return all members of these, and theirs: the deepest first."""

    def last_end(self, parent: str) -> datetime | None:
        """Return when the last of those members ended that have ended."""

    def members(
        self, parent: str, after: tuple[datetime, str] | None = None, limit: int | None = None
    ) -> Sequence[Activity]:
        """Return a parent's members, the oldest first, from beyond creation time and id of ``after``."""

    def follow(self, parent: str, terminates: datetime | None) -> None:
        """Let the members of an activity, and theirs, stay as long as it does, but for those that a client wants gone
        sooner. Nobody is told, and no version counts it: that of the parent does.
        """

    def add_needs(self, needs: Sequence[tuple[str, str]]) -> None:
        """Note of pairs that the first comes after the second."""

    def dependants(self, activity_ids: Sequence[str]) -> Sequence[tuple[str, str]]:
        """Return pairs of who waits, and for which of these."""

    def completed(self, activity_ids: Sequence[str]) -> None:
        """Let nobody wait for these any more."""

    def waiting(self, activity_ids: Sequence[str]) -> Collection[str]:
        """Return those of these that still wait for others."""

    def forget_needs(self, activity_ids: Sequence[str]) -> None:
        """Let these wait for nobody any more."""


class Servers(Protocol):
    """The servers that share a store, and their leases, by the store's own clock; in one transaction."""

    def renew(self, server: Server, lease: timedelta) -> bool:
        """Let a server's lease run anew; False where it had none: then others may have taken what it held."""

    def holds_lease(self, server_id: str) -> bool:
        """Whether the server's lease runs. Until the transaction ends nobody can take over what the server holds."""

    def lead(self, server_id: str, name: str) -> bool:
        """Take a role that no living server has; False where another one has it. It goes with the server's lease."""

    def leave(self, server_id: str) -> None:
        """End a server's lease; it stays known for as long as it holds anything.

        A claim of its own that relies on the lease is waited for first: what it takes has to be seen by ``forget``.
        """

    def others(self, server_id: str) -> Sequence[Registered]:
        """Return all servers but this one, dead or alive."""

    def seize(self, server_id: str) -> Registered | None:
        """Lock a server's row to take over what it holds; None where another does, or has done so.

        While it is locked its lease is neither renewed nor relied upon.
        """

    def forget(self, server_id: str) -> None:
        """Delete a server that holds nothing any more."""

    def lost(self) -> Sequence[str]:
        """Return what executes and is held by nobody that is known, as after an upgrade."""

    def held(self, server_id: str) -> dict[str, int]:
        """Return what a server holds, and the fence of each."""


Transaction = Callable[[Records], T]
