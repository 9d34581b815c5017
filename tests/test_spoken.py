"""What the store in memory remembers of what an owner said: every id, once, in whatever order they came."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from chatroom.server.store.spoken import Run, Spoken

IDS = st.text('ab,"\\', min_size=1, max_size=3)
"""With all that has a meaning in JSON."""


def add(spoken: Spoken, first: int, *ids: str) -> Run | None:
    return spoken.add(1, first, 0, ids, ids)


def found(spoken: Spoken, id: str) -> tuple[int, int] | None:
    """Of the run that has it the first number, and its place there; what was said under it is the id itself."""
    if known := spoken.find(id):
        run, place = known
        assert run.hashes[place] == hash(id)
        return run.first, place
    return None


@given(st.lists(st.lists(IDS, min_size=1, max_size=6)))
def test_a_run_is_added_whole_or_not_at_all(runs: Sequence[Sequence[str]]) -> None:
    spoken, known = Spoken(), dict[str, tuple[int, int]]()
    for first, ids in enumerate(runs):
        is_new = len(set(ids)) == len(ids) and known.keys().isdisjoint(ids)
        assert bool(add(spoken, first, *ids)) is is_new
        if is_new:
            known |= {id: (first, place) for place, id in enumerate(ids)}
    for id in ("", ",", "d", *known, *(id + "a" for id in known)):
        assert found(spoken, id) == known.get(id)


def test_what_was_not_counted_upwards_bars_what_follows_it() -> None:
    spoken = Spoken()
    assert add(spoken, 1, "9", "1")
    assert not add(spoken, 3, "5", "9")
    assert add(spoken, 3, "5", "8")
    assert [found(spoken, id) for id in "5918"] == [(3, 0), (1, 0), (1, 1), (3, 1)]
