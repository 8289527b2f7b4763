"""The work that is tortured: what each kind does, what it must give, and its trace outside the server's reach.

A trace is a line per start and per end, appended in one write by the work itself.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HUGE = 1_500_000  #: bytes
LEASE = 3  #: seconds, of servers that share a database
LIMIT = 1  #: seconds of work, where there is a limit

#: Which kind, for whom, how many seconds. What is endless is ended by a client, by a limit or by its termination time.
_SCRIPT = """\
kind=$1 key=$2${ACTIVITY_INDEX:+-$ACTIVITY_INDEX} pause=$3
say() { echo "$1 $ACTIVITY_ATTEMPT $$" >> "@TRACES@/$key"; }
start() {
    id=$(head -c 64 /dev/urandom | base32 -w 0 | tr A-Z a-z | cut -c 1-26) folder=${ACTIVITY_REPORT%/*}/spawned
    mkdir -p "$folder"
    printf '{"id": "%s", "service": "%s", "name": "%s child", "after": [%s], "parameters": ' \\
        "$id" "$1" "$key" "$3" > "$folder/.$id"
    printf '{"key": ["%s"], "pause": ["%s"]}}' "$key-$ACTIVITY_ATTEMPT-$2" "$pause" >> "$folder/.$id"
    mv "$folder/.$id" "$folder/$id.json"
    last='"'$id'"'
}
say start
case $kind in
short) echo "short $key" ;;
long|again) echo "begin $key"; sleep "$pause"; echo "end $key" ;;
speaks) echo "progress 10 begun" >> "$ACTIVITY_REPORT"; sleep "$pause"
    echo "warn of $key" >> "$ACTIVITY_REPORT"; echo "spoke $key" ;;
fails) echo "fails $key"; sleep "$pause"; say end; exit 7 ;;
signalled) echo "signalled $key"; say end; kill -9 $$ ;;
huge) yes "$key" | head -c @HUGE@ ;;
forks) (setsid sh -c 'trap "" TERM; sleep 300' &); (setsid sh -c '(sleep 300 &)' &)
    sleep "$pause"; echo "forks $key" ;;
starts|restarts) start again 1 ""; echo spawn >> "$ACTIVITY_REPORT"; sleep "$pause"; start short 2 "$last"
    echo "starts $key"; start long 3 "" ;;
set) sleep "$pause"; echo "set $key"; case $ACTIVITY_INDEX in 1) say end; exit 3 ;; esac ;;
reads) sleep "$pause"; cat ;;
files) sleep "$pause"; cat "$ACTIVITY_INPUT" > out.bin; echo "files $key" ;;
retried) echo "attempt $ACTIVITY_ATTEMPT $key"; test "$ACTIVITY_ATTEMPT" -ge 3 || { say end; exit 5; } ;;
limited|endless|orphans) echo "endless $key"
    test "$kind" = endless || (setsid sh -c 'trap "" TERM; sleep 300; sleep 300' &)
    sleep 300; sleep 300 ;;
esac
say end
"""


@dataclass(frozen=True)
class Kind:
    """One kind of work, as it goes when nothing but the server is killed."""

    name: str
    output: str = ""  #: of standard output; `KEY` stands for the activity's key
    phase: str = "Completed"
    exit_code: int | None = 0  #: None: any
    attempts: int = 1
    reruns: bool = False
    reads: bool = False  #: an input
    endless: bool = False
    settings: str = ""  #: more lines of its service
    members: int = 0  #: that it has where it completes
    many: bool = False  #: whether it is a set, which runs nothing itself
    own: Callable[[str, bytes], bytes] | None = None  #: standard output where it is no text with a key in it

    def stdout(self, key: str, given: bytes) -> bytes:
        """Return what standard output must be."""
        return self.own(key, given) if self.own else self.output.replace("KEY", key).encode()


def _huge(key: str, given: bytes) -> bytes:
    line = f"{key}\n".encode()
    return (line * (HUGE // len(line) + 1))[:HUGE]


KINDS = (
    Kind("short", "short KEY\n"),
    Kind("long", "begin KEY\nend KEY\n"),
    Kind("again", "begin KEY\nend KEY\n", reruns=True, settings='restart = "rerun"'),
    Kind("speaks", "spoke KEY\n"),
    Kind("fails", "fails KEY\n", "Failed", 7),
    Kind("signalled", "signalled KEY\n", "Failed", 137),
    Kind("huge", own=_huge),
    Kind("forks", "forks KEY\n"),
    Kind("reads", reads=True, own=lambda key, given: given),
    Kind("files", "files KEY\n", reads=True, settings='input = "file"\nresults.out = { path = "out.bin" }'),
    Kind("retried", "attempt 3 KEY\n", attempts=3, settings="retries = 2"),
    Kind("starts", "starts KEY\n", members=3),
    Kind("restarts", "starts KEY\n", members=3, reruns=True, settings='restart = "rerun"'),
    Kind("set", exit_code=None, members=4, many=True, settings='times = "count"'),
    Kind("limited", "endless KEY\n", "Failed", None, settings=f'work_limit = "PT{LIMIT}S"'),
    Kind("endless", "endless KEY\n", "Aborted", None, endless=True),
    Kind("orphans", "endless KEY\n", "Aborted", None, endless=True),
)

_SERVICE = """
[services.{name}]
command = ["/bin/sh", "{script}", "{name}", "{{key}}", "{{pause}}"]
{settings}
[services.{name}.parameters]
key = {{ pattern = "[a-z0-9-]+" }}
pause = {{ type = "number" }}
{more}
"""


def configuration(folder: Path, parallel: int) -> str:
    """Write the script below ``folder`` and return the server's configuration with a service for each kind."""
    traces = folder / "traces"
    traces.mkdir(mode=0o777, exist_ok=True)
    script = folder / "work.sh"
    script.write_text(_SCRIPT.replace("@TRACES@", str(traces)).replace("@HUGE@", str(HUGE)))
    services = [
        _SERVICE.format(
            name=kind.name,
            script=script,
            settings=kind.settings,
            more='count = { type = "integer" }' if kind.many else "",
        )
        for kind in KINDS
    ]
    limits = f'[limits]\nparallel = {parallel}\nwait = "PT5S"\ngrace = "PT0.3S"\nlease = "PT{LEASE}S"\n'
    return limits + "".join(services)


@dataclass(frozen=True)
class Trace:
    """What the work of one activity left of itself."""

    starts: tuple[int, ...]  #: the number of the attempt of each start, in their order
    ends: tuple[int, ...]


def trace(folder: Path, key: str) -> Trace:
    """Return what the work of a key has left."""
    path = folder / "traces" / key
    lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    starts, ends = ([int(line[1]) for line in lines if line[0] == word] for word in ("start", "end"))
    return Trace(tuple(starts), tuple(ends))


def digest(content: bytes) -> str:
    """Return the SHA-256 as the property document has it."""
    return hashlib.sha256(content).hexdigest()
