"""What the doctor says of servers that share a PostgreSQL: who holds what executes, whether one lives, whose files."""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, delete, insert, text, update
from sqlalchemy.pool import NullPool

from tests import databases
from tests.acceptance.watching import eventually
from wsrf_activity.doctor import Examined, Finding, Kind, Place, examination, examine, repair
from wsrf_activity.engines import processes
from wsrf_activity.manager.folders import Folders
from wsrf_activity.manager.machine import Machine
from wsrf_activity.model import changes
from wsrf_activity.model.activity import Activity, Result, new_id
from wsrf_activity.model.events import between
from wsrf_activity.model.phases import Phase
from wsrf_activity.model.servers import Server
from wsrf_activity.store import tables
from wsrf_activity.store.locks import Taken
from wsrf_activity.store.migrate import migrate
from wsrf_activity.store.records import Records
from wsrf_activity.store.servers import Servers
from wsrf_activity.testing.strategies import NOON, activity

LEASE, GRACE = timedelta(milliseconds=50), timedelta(minutes=5)
LONG = timedelta(minutes=10)  #: more than both of them
NOBODY = 2**22 + 1  #: a number that no process has


@dataclass
class Scene:
    """A database as servers leave it, with their common folder."""

    engine: Engine
    place: Place

    def server(self, left: timedelta = timedelta(minutes=1), **values: Any) -> str:
        """Let there be a server with so much left of its lease, by default this very process."""
        me, process = Machine.this(), processes.find(os.getpid())
        assert process is not None
        usual = {"host": me.host, "boot": me.boot, "pid": process.pid, "start": process.start}
        server = Server(id=new_id(), **{**usual, "folder": Folders(self.place.files).identity(), **values})
        with self.engine.begin() as connection:
            Servers(connection).renew(server, left)
        return server.id

    def add(self, *steps: Callable[[Activity], Activity]) -> str:
        """Accept an activity and take it on, step by step."""
        old = activity(id=new_id())
        with self.engine.begin() as connection:
            records = Records(connection)
            records.insert(old, between(None, old, NOON))
            for step in steps:
                new = step(old)
                assert records.save(old, new, between(old, new, NOON))
                old = new
        return old.id

    def executing(self, holder: str | None) -> str:
        return self.add(lambda queued: changes.begin(queued, NOON, holder))

    def ended(self) -> str:
        """Return one that has a result, and no file yet."""
        result = Result(name="result", media_type="text/plain", size=3, sha256="0" * 64, path="1/stdout")
        return self.add(
            lambda queued: changes.begin(queued, NOON, "me"),
            lambda begun: changes.end(begun, Phase.COMPLETED, NOON, results=(result,)),
        )

    def write(self, statement: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(statement)

    def examine(self) -> Examined:
        return examine(self.place)

    def found(self) -> set[tuple[Kind, str]]:
        return {(finding.kind, finding.subject) for finding in self.examine().findings}

    def repair(self) -> list[tuple[Kind, str | None]]:
        """Repair, and return what was tried and what hindered it."""
        tried: list[tuple[Kind, str | None]] = []
        repair(self.place, self.examine(), lambda finding, hindrance: tried.append((finding.kind, hindrance)))
        return tried


@pytest.fixture
def scene(postgresql: databases.Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(examination, "_LOOKS_AGAIN", (0.01, 0.01))  # nothing is on its way here
    (tmp_path / "data").mkdir()
    with postgresql.database() as url:
        engine = create_engine(url, poolclass=NullPool)
        migrate(engine)
        place = Place(data=tmp_path / "data", files=tmp_path / "files", database=url, lease=LEASE, host_grace=GRACE)
        Folders(place.files)
        yield Scene(engine, place)


def test_what_executes_has_a_holder_that_lives_or_is_taken_over(scene: Scene) -> None:
    """Without a living server it is the next one's to take over, and no finding."""
    me, elsewhere = scene.server(), {"host": "elsewhere"}
    left = scene.add()
    scene.write(update(tables.activity).where(tables.activity.c.id == left).values(holder=me))
    scene.executing(me)
    scene.executing(scene.server(-GRACE / 2, **elsewhere))
    held_by_nobody, held_by_a_stranger = scene.executing(None), scene.executing("stranger")
    held_by_the_dead = scene.executing(scene.server(-LONG, **elsewhere))
    untidy = {(Kind.HOLDER_LEFT, left)}
    assert scene.found() == untidy | {
        (Kind.HOLDER_UNKNOWN, held_by_nobody),
        (Kind.HOLDER_UNKNOWN, held_by_a_stranger),
        (Kind.HOLDER_GONE, held_by_the_dead),
    }
    scene.write(update(tables.server).where(tables.server.c.id == me).values(pid=NOBODY))  # as if it had been killed
    assert not scene.examine().served
    assert scene.found() == untidy
    assert scene.repair() == [(Kind.HOLDER_LEFT, None)]
    assert scene.found() == set()


@pytest.mark.parametrize(
    ("left", "values", "served"),
    [
        (LONG, {}, True),
        (-LONG, {}, True),  # stopped (SIGSTOP), and may go on
        (LONG, {"pid": NOBODY}, False),
        (LONG, {"start": 1}, False),  # another process has its number
        (LONG, {"boot": "earlier"}, False),
        (LONG, {"host": "elsewhere"}, True),
        (-LONG, {"host": "elsewhere"}, False),
        (LONG, {"host": "elsewhere", "pid": 0}, False),  # it has left
    ],
)
def test_a_server_lives_by_its_lease(scene: Scene, left: timedelta, values: dict[str, Any], served: bool) -> None:
    """Wherever its own data folder is."""
    scene.server(left, **values)
    assert scene.examine() == Examined(served=served)
    if served:
        with pytest.raises(Taken):
            scene.repair()
    else:
        assert scene.repair() == []


def test_no_lease_begins_during_a_repair(scene: Scene) -> None:
    """A server that starts meanwhile waits for its end."""
    left = scene.add()
    scene.write(update(tables.activity).where(tables.activity.c.id == left).values(holder="stranger"))
    starting = threading.Thread(target=scene.server)
    blocked = text("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'server'::regclass")

    def waits() -> bool:
        with scene.engine.connect() as connection:
            return connection.execute(blocked).first() is not None

    def tell(finding: Finding, hindrance: str | None) -> None:
        starting.start()
        eventually(waits)

    repair(scene.place, scene.examine(), tell)
    starting.join()
    assert scene.examine() == Examined(activities=1, served=True)


def test_work_on_another_machine_is_not_looked_for_here(scene: Scene) -> None:
    """The claim that a supervisor has left tells a process of its own machine."""
    here, elsewhere = scene.server(), scene.server(host="elsewhere")
    lost, runs = scene.executing(here), scene.executing(elsewhere)
    for each in (lost, runs):
        folder = Folders(scene.place.files).attempt(each, 1)
        folder.mkdir(parents=True)
        (folder / "supervisor").write_text(f"claim {NOBODY} 1 {processes.boot_id()} -\n")
    assert scene.found() == {(Kind.NOBODY_RUNS, lost)}


def test_the_folder_has_to_be_that_of_the_servers(scene: Scene, tmp_path: Path) -> None:
    """Else all results would count as lost. The living know it best, then the dead; then the files tell."""
    lost, there = scene.ended(), scene.ended()
    folders = Folders(scene.place.files)
    folders.attempt(there, 1).mkdir(parents=True)
    (folders.attempt(there, 1) / "stdout").write_bytes(b"abc")
    right, wrong = scene.place, replace(scene.place, files=tmp_path / "wrong")
    Folders(wrong.files).activity("stranger").mkdir(parents=True)

    def found_in(place: Place) -> set[tuple[Kind, str]]:
        scene.place = place
        return scene.found()

    says_nothing, misses = {(Kind.FILES_ELSEWHERE, "files")}, {(Kind.RESULT_MISSING, lost)}
    assert (found_in(right), found_in(wrong)) == (misses, says_nothing)
    dead = scene.server(-LONG, host="elsewhere", folder=folders.identity())
    assert (found_in(wrong), found_in(right)) == (says_nothing, misses)
    Folders(wrong.files).identity()
    assert found_in(wrong) == says_nothing
    assert scene.repair() == [(Kind.FILES_ELSEWHERE, None)]
    assert Folders(wrong.files).activity("stranger").exists()
    living = scene.server(host="elsewhere", folder=Folders(wrong.files).identity())
    assert found_in(right) == says_nothing
    scene.write(delete(tables.server).where(tables.server.c.id.in_([dead, living])))
    assert found_in(right) == misses
    assert scene.repair() == [(Kind.RESULT_MISSING, None)]
    assert scene.found() == set()


def test_what_was_to_be_removed_is_said_with_no_server_up(scene: Scene) -> None:
    """All servers have one folder, so that none of it is left to another one."""
    scene.write(insert(tables.removal).values(path="uploads/gone"))
    scene.write(insert(tables.upload).values(id="lost", owner="ada", size=1, sha256="0" * 64, expires=NOON))
    assert scene.found() == {(Kind.REMOVAL_LEFT, "uploads/gone"), (Kind.UPLOAD_MISSING, "lost")}
    assert scene.repair() == [(Kind.UPLOAD_MISSING, None), (Kind.REMOVAL_LEFT, None)]
    assert scene.found() == set()
