"""All that can be found wrong: what it means to those who rely on the server, and what a repair does about it."""

from dataclasses import dataclass, field
from enum import Enum

from wsrf_activity.model.activity import Activity


class Kind(Enum):
    """A name for programs, what it means, and what a repair does; None where only a person can help."""

    #: The database as a whole.
    SCHEMA_NEWER = (
        "schema-newer",
        "this program does not know that form: use the version that wrote it, or a later one",
        None,
    )
    SCHEMA_OLDER = ("schema-older", "the next server brings it up to date when it starts", "does that now")
    DATABASE_DAMAGED = ("database-damaged", "rows may be lost or wrong: restore a backup of the file", None)

    #: Rows.
    ROW_UNREADABLE = ("row-unreadable", "nobody can see the activity, and no server can start on it", None)
    ROW_TIMES = ("row-times", "the times that clients see contradict the phase", "sets them as the phase says")
    ROW_FLAG = ("row-flag", "listings show another error status than the activity itself", "writes it anew")
    GROUPS = ("groups", "listings by group miss the activity, or show it wrongly", "writes the groups anew")
    ORPHANED_ROWS = ("orphaned-rows", "nobody reads them any more; they only take room", "deletes them")
    HISTORY_ENDLESS = ("history-endless", "who listens was never told of the last phase", "adds the event")
    HISTORY_ENDS_TWICE = ("history-ends-twice", "who listens was told of more than one end", "keeps the first")
    HISTORY_GAP = ("history-gap", "who listens was told of phases that cannot follow each other", None)

    #: Families.
    PARENT_GONE = (
        "parent-gone",
        "what it belongs to is gone, and nothing of it goes with it",
        "lets it stand alone, until its own time is over",
    )
    MEMBERS_MISCOUNTED = (
        "members-miscounted",
        "it would wait for ever for members that have ended",
        "counts them anew, and ends it where all have ended",
    )
    NEEDS_OVER = (
        "needs-over",
        "it would wait for ever for what has ended",
        "queues it, or ends it where that has not completed",
    )

    #: Work.
    NOBODY_RUNS = (
        "nobody-runs",
        "it is shown as running, and nobody runs it: stop the server and start it anew, which looks for the work",
        None,
    )
    TRACE_LOST = (
        "trace-lost",
        "the next server would take work that has run for work that never began",
        "counts the work as lost: queued again or aborted, as its service says",
    )
    RUNS_ON = ("runs-on", "it takes the machine's time for something that nobody waits for", "ends the work")

    #: Who sees work through.
    HOLDER_LEFT = ("holder-left", "it names a server that has nothing to do with it", "takes the name away")
    HOLDER_UNKNOWN = (
        "holder-unknown",
        "nobody sees the work through, and nobody takes it over before the next server starts: start one",
        None,
    )
    HOLDER_GONE = (
        "holder-gone",
        "nobody sees the work through: servers that drain take nothing over, so start another one",
        None,
    )

    #: Files that a row needs.
    FILES_ELSEWHERE = (
        "files-elsewhere",
        "nothing can be said of inputs and results: name the folder of the servers with --files",
        None,
    )
    INPUT_MISSING = ("input-missing", "the work would begin without its input", "fails the activity, and says why")
    RESULT_MISSING = (
        "result-missing",
        "readers get nothing",
        "takes it from the record where that has it, else notes the loss in the list of errors",
    )
    RESULT_CHANGED = (
        "result-changed",
        "readers get something else than the work has written",
        "takes it from the record where that has it, else notes the loss in the list of errors",
    )
    UPLOAD_MISSING = ("upload-missing", "an activity that names this input is refused", "forgets the input")
    UPLOAD_CHANGED = ("upload-changed", "an activity would get another input than was sent", "forgets the input")

    #: Files that no row needs.
    FOLDER_LEFT = ("folder-left", "no activity has it; it only takes room", "ends what runs in it, and removes it")
    UPLOAD_LEFT = ("upload-left", "no activity can name it; it only takes room", "removes it")
    PART_LEFT = ("part-left", "an upload that was cut off; the next server removes it", "removes it")
    STAGING_LEFT = (
        "staging-left",
        "an activity whose acceptance was cut off; the next server settles it",
        "keeps what was accepted and removes what was not",
    )
    REMOVAL_LEFT = ("removal-left", "the activity is gone, its files not yet; the next server goes on", "removes them")

    def __init__(self, code: str, meaning: str, remedy: str | None) -> None:
        """Take the three texts apart."""
        self.code = code
        self.meaning = meaning
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    kind: Kind
    subject: str  #: an activity's or upload's id, a path below the folder of files, "database" or "files"
    what: str
    activity: Activity | None = field(default=None, compare=False)  #: as it was read
    name: str | None = None  #: of a result
