"""Headers that are found by their names are those that Starlette finds."""

from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from wsrf_activity.web.requests import NamedHeaders

_NAMES = st.sampled_from([b"host", b"content-type", b"x-\xe4"])
_ASKED = ("host", "Content-Type", "X-\xc4", "accept")


@given(st.lists(st.tuples(_NAMES, st.binary(max_size=5)), max_size=5))
def test_the_first_of_a_name_counts(raw: list[tuple[bytes, bytes]]) -> None:
    ours, others = NamedHeaders(raw), Headers(raw=raw)
    for name in _ASKED:
        assert ours.get(name) == others.get(name)
        assert ours.get(name, "-") == others.get(name, "-")
        assert (name in ours) == (name in others)
        assert name not in ours or ours[name] == others[name]
    assert ours.items() == others.items()
