"""What the store in memory remembers of what an owner said: every id, once, in whatever order they came."""

from array import array
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from chatroom.server.store.spoken import Run, Spoken

IDS = st.text("abc", min_size=1, max_size=3)


def run(*ids: str) -> Run:
    return Run(1, 1, 0, ids, array("q", [0] * len(ids)))


@given(st.lists(st.lists(IDS, min_size=1, max_size=6)))
def test_a_run_is_added_whole_or_not_at_all(runs: Sequence[Sequence[str]]) -> None:
    spoken, known = Spoken(), dict[str, Run]()
    for ids in runs:
        added = run(*ids)
        is_new = len(set(ids)) == len(ids) and known.keys().isdisjoint(ids)
        assert spoken.add(added) is is_new
        if is_new:
            known |= dict.fromkeys(ids, added)
    for id in ("", "d", *known, *(id + "a" for id in known)):
        assert spoken.find(id) is known.get(id)


def test_what_was_not_counted_upwards_bars_what_follows_it() -> None:
    spoken = Spoken()
    assert spoken.add(run("9", "1"))
    assert not spoken.add(run("5", "9"))
    assert spoken.add(run("5", "8"))
    assert spoken.find("5") is not spoken.find("9")
