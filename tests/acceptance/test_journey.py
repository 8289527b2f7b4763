"""The whole way: started, waited for, read, its results fetched byte by byte, destroyed."""

import hashlib
import subprocess

import pytest

from tests.server import Fault, Wire
from wsrf_activity.model import ns

PIPELINE = r"printf 'b 2\na 1\nc 3\n' | sort | awk '{ print $2, $1 }'; printf '\000\377\r\n' "


def test_a_pipeline_gives_what_the_shell_gives(wire: Wire) -> None:
    """The same bytes as in a shell, by HTTP and in the property document."""
    expected = subprocess.run(["/bin/sh", "-c", PIPELINE], capture_output=True, check=True).stdout
    activity_id = wire.create(PIPELINE)
    assert wire.ended(activity_id) == "Completed"
    assert wire.result(activity_id) == expected
    [result] = [r for r in wire.document(activity_id).iterfind(f"{{{ns.ACT}}}Result") if r.get("name") == "result"]
    assert result.get("sha256") == hashlib.sha256(expected).hexdigest()
    assert result.get("size") == str(len(expected))


def test_a_destroyed_activity_is_unknown(wire: Wire) -> None:
    """Destroy twice: the second is a typed fault, not an error of the server."""
    activity_id = wire.create("true")
    wire.ended(activity_id)
    wire.destroy(activity_id)
    with pytest.raises(Fault) as caught:
        wire.destroy(activity_id)
    assert (caught.value.name, caught.value.code) == ("ResourceUnknownFault", "Sender")
