"""`wsrf-activity doctor`: each damage is made by hand in a real data folder, found, mended, and gone afterwards."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from tests import databases
from tests.acceptance.commands import Gate
from tests.acceptance.conftest import CONFIG
from tests.acceptance.test_recovery import begun, supervisor
from tests.acceptance.watching import Life, database
from tests.server import Server, Wire, running
from wsrf_activity.doctor import Kind, Place, examine, repair
from wsrf_activity.store import tables

LARGE = "head -c 5000 /dev/zero"  #: more than a record holds itself
FEW_AT_A_TIME = CONFIG.replace("parallel = 8", "parallel = 3")


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Server]:
    """A server for what is the same on either database."""
    with running(Server(tmp_path / "server", None, CONFIG)) as server:
        yield server


def url(server: Server) -> str:
    return server.database or f"sqlite:///{server.data / 'activities.db'}"


def place(server: Server) -> Place:
    return Place(data=server.data, files=server.data, database=url(server))


def found(server: Server, *, deep: bool = False) -> set[tuple[Kind, str]]:
    """Return what the doctor finds, by what it concerns."""
    return {(finding.kind, finding.subject) for finding in examine(place(server), deep=deep).findings}


def run(server: Server, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run the command as a person does."""
    command = [sys.executable, "-m", "wsrf_activity", "doctor", "--data", str(server.data)]
    command += ["--database", server.database] if server.database else []
    return subprocess.run([*command, *options], capture_output=True, text=True, timeout=90, check=False)


def relative(activity_id: str) -> str:
    return f"activities/{activity_id[:2]}/{activity_id}"


def folder(server: Server, activity_id: str) -> Path:
    return server.data / relative(activity_id)


def write(server: Server, *statements: Any) -> None:
    with database(server).begin() as connection:
        for statement in statements:
            connection.execute(statement)


def row(activity_id: str, **values: Any) -> Any:
    return update(tables.activity).where(tables.activity.c.id == activity_id).values(**values)


def of_events(activity_id: str, topic: str) -> tuple[Any, Any]:
    return tables.event.c.activity_id == activity_id, tables.event.c.topic == f"StatusChanged/{topic}"


def completed(wire: Wire, command: str, rest: str = "") -> str:
    activity_id = wire.create(command, rest)
    assert wire.ended(activity_id) == "Completed"
    return activity_id


def uploaded(wire: Wire, content: bytes) -> str:
    response = wire.http.put(f"{wire.base}/input", content=content)
    assert response.status_code == 201
    return response.headers["location"].rpartition("/")[2]


@dataclass
class Patients:
    """Activities and inputs, each to be damaged in one way."""

    ids: dict[str, str]
    lives: dict[str, Life]  #: by name, of those that execute

    def __getitem__(self, name: str) -> str:
        return self.ids[name]


ENDED = {"inline": "echo inline", "gone": LARGE, "cut": LARGE, "changed": LARGE}
ENDED |= dict.fromkeys(("grouped", "unended", "flagged", "endless", "twice", "removed"), "true")


def admit(wire: Wire, gates: Callable[[], Gate]) -> Patients:
    """Make one of everything."""
    ids = {name: completed(wire, command, f"<act:Group>{name}</act:Group>") for name, command in ENDED.items()}
    for name in ("vanished", "runs_on", "forgotten"):
        gate = gates()
        ids[name] = begun(wire, f"{gate.held}; {gate.held}", gate)
    lives = {name: supervisor(wire, ids[name]) for name in ("vanished", "runs_on", "forgotten")}
    ids["waits"] = wire.create("cat", "<act:Input>YQ==</act:Input>")
    ids |= {name: uploaded(wire, name.encode()) for name in ("lost", "spoilt", "unknown")}
    return Patients(ids, lives)


def damage_files(server: Server, of: Patients) -> set[tuple[Kind, str]]:
    """Damage what lies in the data folder; return what is to be found."""
    of.lives["vanished"].kill()
    (folder(server, of["vanished"]) / "1" / "supervisor").unlink()
    for name in ("inline", "gone"):
        (folder(server, of[name]) / "1" / "stdout").unlink()
    (folder(server, of["cut"]) / "1" / "stdout").write_bytes(b"cut")
    (folder(server, of["changed"]) / "1" / "stdout").write_bytes(b"x" * 5000)
    (folder(server, of["waits"]) / "input").unlink()
    (server.data / "uploads" / of["lost"]).unlink()
    (server.data / "uploads" / of["spoilt"]).write_bytes(b"spoil")
    (server.data / "uploads" / "half.part").write_bytes(b"ha")
    (server.data / "staging" / of["waits"]).touch()
    (server.data / "staging" / "never").touch()
    (server.data / "activities" / "ne" / "never").mkdir(parents=True)
    return {
        (Kind.UPLOAD_MISSING, of["lost"]),
        (Kind.TRACE_LOST, of["vanished"]),
        (Kind.RESULT_MISSING, of["inline"]),
        (Kind.RESULT_MISSING, of["gone"]),
        (Kind.RESULT_CHANGED, of["cut"]),
        (Kind.INPUT_MISSING, of["waits"]),
        (Kind.UPLOAD_CHANGED, of["spoilt"]),
        (Kind.PART_LEFT, "uploads/half.part"),
        (Kind.STAGING_LEFT, of["waits"]),
        (Kind.STAGING_LEFT, "never"),
    }


def damage_rows(server: Server, of: Patients) -> set[tuple[Kind, str]]:
    """Damage what is in the database; return what is to be found."""
    event, group, removed = tables.event, tables.activity_group, of["removed"]
    with database(server).connect() as connection:
        [end] = connection.execute(select(event).where(*of_events(of["twice"], "Completed"))).mappings()
    write(
        server,
        row(of["unended"], ended=None),
        row(of["flagged"], error_status="FatalErrors"),
        row(of["runs_on"], phase="Aborted"),
        delete(group).where(group.c.activity_id.in_([of["grouped"], removed])),
        delete(event).where(*of_events(of["endless"], "Completed")),
        insert(event).values({**end, "id": end["id"] + 1000, "sequence": 1000, "topic": "StatusChanged/Failed"}),
        delete(tables.activity).where(tables.activity.c.id.in_([of["forgotten"], removed])),
        delete(event).where(event.c.activity_id == removed),
        insert(tables.removal).values(path=relative(removed)),
        delete(tables.upload).where(tables.upload.c.id == of["unknown"]),
    )
    return {
        (Kind.UPLOAD_LEFT, f"uploads/{of['unknown']}"),
        (Kind.ROW_TIMES, of["unended"]),
        (Kind.ROW_TIMES, of["runs_on"]),
        (Kind.HISTORY_ENDLESS, of["runs_on"]),
        (Kind.RUNS_ON, of["runs_on"]),
        (Kind.HOLDER_LEFT, of["runs_on"]),
        (Kind.ROW_FLAG, of["flagged"]),
        (Kind.GROUPS, of["grouped"]),
        (Kind.HISTORY_ENDLESS, of["endless"]),
        (Kind.HISTORY_ENDS_TWICE, of["twice"]),
        (Kind.ORPHANED_ROWS, of["forgotten"]),
        (Kind.FOLDER_LEFT, relative(of["forgotten"])),
        (Kind.REMOVAL_LEFT, relative(removed)),
    }


def test_each_damage_is_found_and_mended(own_server: Callable[..., Server], gates: Callable[[], Gate]) -> None:
    """All of them at once, on either database; a server then finds nothing odd."""
    server = own_server(FEW_AT_A_TIME)
    with server.client() as wire:
        of = admit(wire, gates)
    server.kill()
    assert found(server) == set()
    damages = damage_files(server, of) | damage_rows(server, of)
    assert found(server) == damages
    assert found(server, deep=True) == damages | {(Kind.RESULT_CHANGED, of["changed"])}
    assert found(server) == damages, "an examination has changed something"

    hindrances: list[str | None] = []
    examined = examine(place(server), deep=True)
    repair(place(server), examined, lambda finding, hindrance: hindrances.append(hindrance))
    assert hindrances == [None] * len(examined.findings)
    assert found(server, deep=True) == set()
    assert all(life.over() for life in of.lives.values())

    server.start()
    with server.client() as wire:
        assert wire.result(of["inline"]) == b"inline\n"
        for name in ("gone", "cut", "changed"):
            assert [code for _, code, _ in wire.errors(of[name])] == ["ResultLost"]
            assert wire.property(of[name], "ErrorStatus") == "ErrorsHandled"
        assert [wire.property(of[name], "Phase") for name in ("vanished", "waits")] == ["Aborted", "Failed"]
        assert [code for _, code, _ in wire.errors(of["waits"])] == ["InputLost"]
        listed = wire.call("<act:ListActivities><act:Group>grouped</act:Group></act:ListActivities>")
        assert listed.findtext("{*}Entry/{*}ActivityId") == of["grouped"]
    assert found(server, deep=True) == set()


def test_a_busy_server_is_healthy_and_undisturbed(own_server: Callable[..., Server], gates: Callable[[], Gate]) -> None:
    """Whatever is on its way is no finding, nothing can be repaired, and nobody waits for the doctor."""
    server = own_server()
    with server.client() as wire:
        held = begun(wire, gates().held, gates())
        made = []
        doctor = subprocess.Popen([sys.executable, "-c", LOOK_OFTEN, str(server.data), url(server)])
        while doctor.poll() is None:
            activity_id = wire.create("cat; head -c 9000 /dev/zero", "<act:Input>YQ==</act:Input>")
            made.append(activity_id)
            uploaded(wire, b"x" * 100)
            if len(made) > 5:
                wire.destroy(made.pop(0))
        assert doctor.returncode == 0
        assert len(made) > 4
        refused = run(server, "--repair")
        assert (refused.returncode, "a server is up" in refused.stderr) == (2, True)
        assert wire.property(held, "Phase") == "Executing"
    assert "Traceback" not in server.log.read_text()


LOOK_OFTEN = """
import pathlib, sys
from wsrf_activity.doctor import Place, examine
data = pathlib.Path(sys.argv[1])
for _ in range(8):
    examined = examine(Place(data=data, files=data, database=sys.argv[2]), deep=True)
    assert examined.served
    assert examined.findings == (), examined.findings
"""


def test_work_that_nobody_runs_is_seen_beside_a_server(on_sqlite: Server) -> None:
    """Here because a row was set back behind the server's back; one that is started anew ends it."""
    server = on_sqlite
    with server.client() as wire:
        activity_id = wire.create("exit 3")
        assert wire.ended(activity_id) == "Failed"
    (folder(server, activity_id) / "1" / "report").unlink()
    record = folder(server, activity_id) / "1" / "supervisor"
    word, pid, start, rest = record.read_text().splitlines()[0].split(" ", 3)
    record.write_text(f"{word} {pid} {int(start) + 1} {rest}\n")  # as if it had ended, and another had its number
    write(
        server,
        row(activity_id, phase="Executing", ended=None),
        delete(tables.event).where(*of_events(activity_id, "Failed")),
    )
    seen = found(server)
    server.kill()
    assert seen == {(Kind.NOBODY_RUNS, activity_id)}
    server.start()
    with server.client() as wire:
        assert wire.ended(activity_id) == "Aborted"


def test_what_a_person_sees(on_sqlite: Server, tmp_path: Path) -> None:
    """A line for each finding: what, what it means, what a repair does. And the same for programs."""
    server = on_sqlite
    with server.client() as wire:
        activity_id = completed(wire, LARGE)
    server.stop()
    well = run(server)
    assert (well.returncode, well.stderr) == (0, "")
    assert "1 activities, no server is up: all is well." in well.stdout
    (folder(server, activity_id) / "1" / "stderr").unlink()
    ill = run(server)
    [line] = [line for line in ill.stdout.splitlines() if activity_id in line]
    assert ill.returncode == 1
    assert "result 'stderr' is gone (1/stderr): readers get nothing; --repair" in line
    told = json.loads(run(server, "--json").stdout)
    assert [finding["kind"] for finding in told["findings"]] == ["result-missing"]
    mended = run(server, "--repair")
    assert (mended.returncode, "repaired" in mended.stdout, "all is well" in mended.stdout) == (0, True, True)
    nowhere = run(Server(tmp_path / "nowhere"))
    assert (nowhere.returncode, "no data folder" in nowhere.stderr) == (2, True)


def test_a_server_elsewhere_is_known_by_its_lease(postgresql: databases.Cluster, tmp_path: Path) -> None:
    """And its folder by the identity: from another data folder, too, nothing is repaired under its hands."""
    (tmp_path / "other").mkdir()
    other, files = ("--data", str(tmp_path / "other")), ("--files", str(tmp_path / "files"))
    with postgresql.database() as name, running(Server(tmp_path / "server", name, CONFIG, files)) as server:
        with server.client() as wire:
            completed(wire, LARGE)
        well = run(server, *other, *files)
        assert (well.returncode, "1 activities, a server is up: all is well." in well.stdout) == (0, True)
        refused = run(server, *other, *files, "--repair")
        assert (refused.returncode, "a server is up" in refused.stderr) == (2, True)
        server.kill()
        told = json.loads(run(server, *other, "--json").stdout)
        assert (told["server_up"], [finding["kind"] for finding in told["findings"]]) == (False, ["files-elsewhere"])
        assert run(server, *other, *files, "--repair", "--deep").returncode == 0
        nowhere = run(server, *other, "--files", str(tmp_path / "nowhere"))
        assert (nowhere.returncode, "no files folder" in nowhere.stderr) == (2, True)


def test_forms_of_the_tables(on_sqlite: Server) -> None:
    """One of a later program is left alone, one of an earlier program can be brought up to date."""
    server = on_sqlite
    server.stop()
    version = text("UPDATE alembic_version SET version_num = :form")
    with database(server).begin() as connection:
        [known] = connection.execute(text("SELECT version_num FROM alembic_version")).scalars()
        connection.execute(version, {"form": "9999"})
    assert found(server) == {(Kind.SCHEMA_NEWER, "database")}
    assert run(server, "--repair").returncode == 1
    with database(server).begin() as connection:
        connection.execute(version, {"form": known})
        tables.metadata.drop_all(connection)
        connection.execute(text("DELETE FROM alembic_version"))
    assert found(server) == {(Kind.SCHEMA_OLDER, "database")}
    assert run(server, "--repair").returncode == 0


def test_no_database_at_all_is_said(tmp_path: Path) -> None:
    """And none is made."""
    command = [sys.executable, "-m", "wsrf_activity", "doctor", "--data", str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert (said.returncode, "there is no database" in said.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []
