"""How many files the server may have open, and that its work is not concerned."""

import resource
from contextlib import ExitStack
from pathlib import Path

from tests.acceptance.conftest import CONFIG
from tests.server import Server, running

SOFT = 700  #: descriptors; what a shell usually gives is 1024


def test_the_server_takes_all_that_it_may_have_and_work_what_is_usual(tmp_path: Path) -> None:
    """Who calls select(2) fails with descriptors from 1024 on."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT, before[1]))
        server = stack.enter_context(running(Server(tmp_path / "server", None, CONFIG)))
        assert server.process is not None
        assert resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE) == (before[1], before[1])
        wire = stack.enter_context(server.client())
        ran = wire.create("ulimit -Sn; ulimit -Hn")
        assert wire.ended(ran) == "Completed"
        assert wire.result(ran).split() == [b"%d" % SOFT, b"%d" % before[1]]
