"""Updates over a websocket: each change is shown as it is committed, to those whom it concerns and nobody else."""

import json
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.acceptance.conftest import ALICE, BOB
from tests.acceptance.updates import frames, socket
from tests.server import Server
from wsrf_activity.model.moi import NO_USER, UNNAMED

KEYS = "id type pubsub url parent context name status date_start date_end date_created result"


def test_a_group_is_shown_as_it_changes(server: Server) -> None:
    with server.client(token=ALICE) as client, socket(server, ALICE, group="lab") as shown:
        other = client.create("true", "<act:Group>else</act:Group>")
        mine = client.create("printf hi", "<act:Name>The hello job</act:Name><act:Group>lab</act:Group>")
        told = frames(shown, lambda verb, job: job["status"] in ("Success", "Failed"))
        assert {job["id"] for _, job in told} == {mine}
        assert [verb for verb, _ in told] == ["add"] + ["update"] * (len(told) - 1)
        last = told[-1][1]
        assert list(last) == KEYS.split()
        assert (last["name"], last["parent"], last["status"], last["result"]) == (
            "The hello job",
            "lab",
            "Success",
            "hi",
        )
        assert f"{last['url']}/{mine}" == client.address(mine)
        shown.send(json.dumps({"get": [other]}))
        [(_, job)] = frames(shown, lambda verb, job: verb == "get")
        assert (job["id"], job["parent"]) == (other, "else")
        client.destroy(mine)
        assert frames(shown, lambda verb, job: verb == "remove")[-1] == ("remove", {"id": mine})


def test_what_work_says_is_its_status_while_it_runs(server: Server, tmp_path: Path) -> None:
    said = "I'm about to say hello"
    with server.client(token=ALICE) as client, socket(server, ALICE) as shown:
        started = client.create(
            f'echo progress "{said}" >> $ACTIVITY_REPORT; until test -e {tmp_path}/go; do sleep .1; done; exit 3'
        )
        told = frames(shown, lambda verb, job: job["id"] == started and job["status"] == said)
        assert told[-1][1]["result"] is None
        (tmp_path / "go").touch()
        last = frames(shown, lambda verb, job: job["id"] == started and job["status"] == "Failed")[-1][1]
        assert "exit code 3" in "".join(last["result"])
        assert (last["name"], last["parent"], last["url"]) == (UNNAMED, NO_USER, None)


def test_nobody_sees_what_is_somebody_elses(server: Server) -> None:
    with server.client(token=ALICE) as client, socket(server, BOB) as shown:
        hers = client.create("true")
        client.ended(hers)
        shown.send(json.dumps({"get": [hers]}))
        shown.send(json.dumps({"get": []}))
        with server.client(token=BOB) as bobs:
            his = bobs.start("<act:Service>count</act:Service>")
            assert {job["id"] for _, job in frames(shown, lambda verb, job: job["id"] == his)} == {his}
            bobs.destroy(his)


def test_what_is_removed_is_shown_no_more_and_what_is_no_frame_is_passed_over(server: Server) -> None:
    with server.client(token=ALICE) as client, socket(server, ALICE, group="quiet") as shown:
        first = client.create("true", "<act:Group>quiet</act:Group>")
        client.ended(first)
        for text in ("no json", "[]", "{}", '{"get": "x"}', '{"get": [7, "nobody"]}', json.dumps({"remove": [first]})):
            shown.send(text)
        assert frames(shown, lambda verb, job: verb == "remove")[-1] == ("remove", {"id": first})
        client.call(
            "<wsrfrp:SetResourceProperties><wsrfrp:Update><act:Name>new</act:Name></wsrfrp:Update>"
            "</wsrfrp:SetResourceProperties>",
            first,
        )
        second = client.create("true", "<act:Group>quiet</act:Group>")
        told = frames(shown, lambda verb, job: job["status"] == "Success")
        assert {job["id"] for _, job in told} == {second}
        shown.send(json.dumps({"close": None}))
        with pytest.raises(ConnectionClosed):
            frames(shown, lambda verb, job: False)


@pytest.mark.parametrize("wrong", [{"token": ""}, {"token": "wrong"}, {"origin": "http://evil.example"}])
def test_strangers_and_pages_of_other_sites_are_turned_away(server: Server, wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus) as refused:
        socket(server, **{"token": ALICE, **wrong})
    assert refused.value.response.status_code == 403
