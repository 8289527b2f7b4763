"""What a server keeps, seen behind its back: rows, files, processes, and who runs what is said to run."""

import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from tests.acceptance.watching import database
from tests.server import Server
from tests.torture.targets import Scene
from wsrf_activity.engines import processes
from wsrf_activity.store import tables

SOON = 120.0  #: seconds in which what nobody runs must be run by somebody, and what is over must be gone
_LAST = ("StatusChanged/Completed", "StatusChanged/Failed", "StatusChanged/Aborted")


def terminal_events(server: Server) -> list[str]:
    """Return what is wrong with the log: each activity that has ended has one last event, and no other has one."""
    with database(server).connect() as connection:
        # All at one moment: what is forgotten between two looks would be there in one and not in the other.
        if server.database:
            connection.execution_options(isolation_level="REPEATABLE READ")
        else:
            connection.exec_driver_sql("BEGIN")
        phases = {row.id: row.phase for row in connection.execute(select(tables.activity))}
        events = connection.execute(select(tables.event).order_by(tables.event.c.id)).all()
        departed = set(connection.execute(select(tables.departed.c.activity_id)).scalars())
    last = Counter(row.activity_id for row in events if row.topic in _LAST)
    wrong = [f"{i}: {last[i]} last events in phase {p}" for i, p in phases.items() if last[i] != (p in _ENDED)]
    lost = {row.activity_id for row in events} - phases.keys() - departed
    return wrong + [f"{activity_id}: events without a row" for activity_id in sorted(lost)]


_ENDED = {topic.partition("/")[2] for topic in _LAST}


def run_by_nobody(server: Server, scene: Scene) -> list[str]:
    """Return what is said to run and what nobody has taken up in all the time that may take."""
    until = time.monotonic() + SOON
    suspects = _forsaken(server, scene)
    while suspects and time.monotonic() < until:
        time.sleep(0.05)
        suspects &= _forsaken(server, scene)
    return sorted(suspects)


def _forsaken(server: Server, scene: Scene) -> set[str]:
    """Return what is said to run and has no supervisor that lives, or among several servers no such holder."""
    activity, holder = tables.activity.c, tables.server.c
    query = select(activity.id, activity.document, holder.pid, holder.start).where(activity.phase == "Executing")
    query = query.join_from(tables.activity, tables.server, holder.id == activity.holder, isouter=True)
    with database(server).connect() as connection:
        rows = connection.execute(query).all()
    found = [row for row in rows if not row.document.get("gathering")]  # whose own work is over
    dead = {row.id for row in found if server.database and not _lives(row.pid, row.start)}
    return dead | {row.id for row in found if not scene.held(row.id)}


def _lives(pid: int | None, start: int | None) -> bool:
    process = None if pid is None else processes.find(pid)
    return process is not None and process.start == start


def expire_uploads(server: Server) -> None:
    """Let the time of all inputs that were sent ahead have run out, behind the back of a server that is not there."""
    past = datetime.now(UTC) - timedelta(minutes=1)
    with database(server).begin() as connection:
        connection.execute(update(tables.upload).values(expires=past))


def found_by_doctor(server: Server, scene: Scene) -> list[str]:
    """Return what `wsrf-activity doctor` finds wrong, with every file read."""
    command = [sys.executable, "-m", "wsrf_activity", "doctor", "--deep"]
    command += ["--data", str(server.data), "--files", str(scene.data)]
    command += ["--database", server.database] if server.database else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [] if done.returncode == 0 else [f"the doctor disagrees: {done.stdout}{done.stderr}"]


def rows(server: Server, *, up: bool) -> list[str]:
    """Return all rows of all tables, but for who had a role last, and what servers that are up say of themselves."""
    passed = (tables.role, tables.server) if up else (tables.role,)
    read = [table for table in tables.metadata.sorted_tables if table not in passed]
    with database(server).connect() as connection:
        return [f"{table.name} {row}" for table in read for row in connection.execute(select(table))]


def files(scene: Scene) -> list[str]:
    """Return all that lies below the folder of files for any activity or input."""
    patterns = ("activities/*/*", "uploads/*", "staging/*")
    return [str(path.relative_to(scene.data)) for pattern in patterns for path in scene.data.glob(pattern)]
