"""What several processes of one service share among them, and when one that died is replaced."""

from wsrf_activity.server.shares import Share, Tally
from wsrf_activity.server.workers import pause_after


def test_the_slots_are_divided_and_the_whole_is_never_exceeded() -> None:
    tally = Tally(3)
    shares = [Share(5, 3, index, Tally(3, tally.descriptor)) for index in range(3)]
    assert [share.free(0) for share in shares] == [2, 2, 1]
    shares[0].taken(4)  # it has taken over what another ran
    assert [share.free(running) for share, running in zip(shares, (4, 0, 0), strict=True)] == [-2, 1, 1]
    shares[1].taken(1)
    assert shares[2].free(0) == 0
    tally.write(0, 0)  # it has died
    assert [share.free(running) for share, running in zip(shares[1:], (1, 0), strict=True)] == [1, 1]


def test_with_fewer_slots_than_processes_some_accept_only() -> None:
    tally = Tally(3)
    assert [Share(2, 3, index, tally).free(0) for index in range(3)] == [1, 1, 0]


def test_who_dies_again_and_again_is_replaced_after_longer_and_longer_pauses() -> None:
    assert [pause_after(deaths) for deaths in (1, 2, 3, 4, 7, 8, 1000)] == [0, 1, 2, 4, 30, 30, 30]
