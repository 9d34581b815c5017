"""The checker, on small histories made by hand: it finds each broken promise, and nothing where none is broken."""

from pathlib import Path

import pytest

from tests.stress.checker import ONCE, ORDER, PRIVATE, RECEIPT, violations
from tests.stress.kept import Holding, Kept, RoomKey, digest_of
from tests.stress.record import (
    AnyFact,
    Departed,
    Entered,
    Found,
    Missed,
    Receipted,
    Record,
    Refused,
    Restarted,
    Said,
    Shown,
    Typed,
    facts_in,
)

LOBBY, ASIDE = RoomKey("lobby", "e"), RoomKey("@bob+eve", "d")
EVERYBODY = None


def text_of(seq: int) -> str:
    return f"text {seq}"


def kept(
    seq: int, by: str = "bob", readers: frozenset[str] | None = EVERYBODY, *, where: RoomKey = LOBBY, time: int = 0,
    held: bool = True, once: bool = False,
) -> Kept:  # fmt: skip
    return Kept(where, seq, time or seq, by, f"{by}{seq}", digest_of(text_of(seq)), held, readers, once)


def shown(seq: int, by: str = "bob", room: str = "lobby") -> Shown:
    return Shown(room, seq, f"{by}{seq}", by, text_of(seq))


def typed(seq: int, to: list[str] | None = None) -> Typed:
    """What ada says, which is stored under this number."""
    return Typed(f"ada{seq}", "lobby", text_of(seq), to)


def receipt(seq: int, id: str = "") -> Receipted:
    return Receipted(id or f"ada{seq}", "lobby", seq)


ENTERED = Entered("lobby", "e", 0)
FOR_EVE = frozenset(("bob", "eve"))
FOR_ADA = frozenset(("ada", "bob"))
OLD = Entered("lobby", "old", 9)
GONE = (kept(1, held=False), kept(2, held=False), kept(3))
ALL = tuple(map(shown, (1, 2, 3)))
THREE = (kept(1), kept(2), kept(3))

WHOLE: dict[str, tuple[tuple[AnyFact, ...], tuple[Kept, ...]]] = {
    "all is shown": ((ENTERED, shown(1), shown(2), shown(3)), THREE),
    "said, shown and receipted": ((ENTERED, typed(1), Said("ada1"), shown(1, "ada"), receipt(1)), (kept(1, "ada"),)),
    "refused": ((typed(1), Said("ada1"), Refused("ada1", "muted")), ()),
    "killed before it was taken": ((typed(1),), ()),
    "a whisper to another one": ((ENTERED, shown(1), shown(3)), (kept(1), kept(2, "bob", FOR_EVE), kept(3))),
    "from the middle": ((Entered("lobby", "e", 2), shown(3)), THREE),
    "resumed": ((ENTERED, shown(1), Entered("lobby", "e", 1), shown(2), shown(3)), THREE),
    "resumed and told again from before": ((ENTERED, shown(1), shown(2), Entered("lobby", "e", 1), shown(3)), THREE),
    "away for a while": ((ENTERED, shown(1), Departed("lobby"), Entered("lobby", "e", 2), shown(3)), THREE),
    "gone in the end": ((ENTERED, shown(1), Departed("lobby")), THREE),
    "told that it is gone, and it is": ((ENTERED, Missed("lobby", 1, 2), shown(3)), GONE),
    "told that all is new, and it is": ((OLD, Restarted("lobby"), ENTERED, *ALL), THREE),
    "empty, and another one when one comes back": (
        (Entered("@bob", "old", 0), Departed("@bob"), Entered("@bob", "a", 0), shown(1, room="@bob")),
        (kept(1, "bob", FOR_ADA, where=RoomKey("@ada+bob", "a")),),
    ),
    "seen once and erased": ((ENTERED, shown(1)), (kept(1, "bob", FOR_ADA, once=True, held=False),)),
    "found": ((Found([shown(1)]),), THREE),
    "a whisper reaches whom it is for": ((ENTERED, shown(1)), (kept(1, "bob", FOR_ADA),)),
    "a whisper of one's own": ((ENTERED, typed(1, ["bob"]), shown(1, "ada")), (kept(1, "ada", FOR_ADA),)),
}  # fmt: skip

BROKEN: dict[str, tuple[int, tuple[AnyFact, ...], tuple[Kept, ...]]] = {
    "a receipt for nothing": (RECEIPT, (typed(1), receipt(1)), ()),
    "a receipt for another number": (RECEIPT, (typed(1), receipt(2, "ada1")), (kept(1, "ada"),)),
    "a receipt for another text": (RECEIPT, (Typed("ada1", "lobby", "another"), receipt(1)), (kept(1, "ada"),)),
    "shown what is not stored": (RECEIPT, (ENTERED, shown(1)), ()),
    "shown another text": (RECEIPT, (ENTERED, Shown("lobby", 1, "bob1", "bob", "another")), (kept(1),)),
    "shown under another name": (RECEIPT, (ENTERED, Shown("lobby", 1, "bob1", "eve", text_of(1))), (kept(1),)),
    "found what is not stored": (RECEIPT, (Found([shown(1)]),), ()),
    "shown of a history that is not stored": (RECEIPT, (Entered("lobby", "old", 0), shown(1)), (kept(1),)),
    "lost": (ONCE, (typed(1), Said("ada1")), ()),
    "refused and stored": (ONCE, (typed(1), Refused("ada1", "no_such_user")), (kept(1, "ada"),)),
    "shown twice": (ONCE, (ENTERED, shown(1), shown(1)), (kept(1),)),
    "shown again after a resume": (ONCE, (ENTERED, shown(1), Entered("lobby", "e", 0), shown(1)), (kept(1),)),
    "swapped": (ORDER, (ENTERED, shown(2), shown(1), shown(3)), THREE),
    "a hole": (ORDER, (ENTERED, shown(1), shown(3)), THREE),
    "a hole at the beginning": (ORDER, (ENTERED, shown(2), shown(3)), THREE),
    "never shown": (ORDER, (ENTERED, shown(1), shown(2)), THREE),
    "left out by a resume": (ORDER, (ENTERED, shown(1), Entered("lobby", "e", 2), shown(3)), THREE),
    "said to be gone, and held": (ORDER, (ENTERED, shown(1), Missed("lobby", 2, 2), shown(3)), THREE),
    "begun anew without a word": (ORDER, (OLD, ENTERED, *ALL), THREE),
    "a number that is missing in the store": (ORDER, (), (kept(1), kept(3))),
    "a time that goes back": (ORDER, (), (kept(1, time=9), kept(2, time=8))),
    "another one's whisper": (PRIVATE, (ENTERED, shown(1)), (kept(1, "bob", FOR_EVE),)),
    "another one's whisper, found": (PRIVATE, (Found([shown(1)]),), (kept(1, "bob", FOR_EVE),)),
    "what is seen once, found": (PRIVATE, (Found([shown(1)]),), (kept(1, "bob", FOR_ADA, once=True),)),
    "others' direct room, found": (PRIVATE, (Found([shown(1, room="@eve")]),), (kept(1, "bob", FOR_EVE, where=ASIDE),)),
    "a whisper that others may read": (PRIVATE, (typed(1, ["bob"]),), (kept(1, "ada", FOR_ADA | FOR_EVE),)),
    "a whisper for everybody": (PRIVATE, (typed(1, ["bob"]),), (kept(1, "ada"),)),
}  # fmt: skip


def broken(facts: tuple[AnyFact, ...], rows: tuple[Kept, ...]) -> list[int]:
    """Which promises were, to ada, to whom these things happened."""
    return [violation.promise for violation in violations({"ada": facts}, Holding(iter(rows)))]


@pytest.mark.parametrize("name", WHOLE)
def test_where_no_promise_is_broken_nothing_is_found(name: str) -> None:
    assert broken(*WHOLE[name]) == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_found(name: str) -> None:
    promise, facts, rows = BROKEN[name]
    assert promise in broken(facts, rows)


def test_stored_twice_is_found() -> None:
    """By two owners of one name, for a store does not take it from one."""
    rows = (kept(1, "ada"), kept(2, "ada")._replace(id="ada1", digest=digest_of(text_of(1))))
    assert ONCE in broken((typed(1),), rows)


# --------------------------------------------------------------------------------------------------------- the record


def test_a_record_goes_on_after_a_kill_without_the_line_that_it_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "ada"
    first = Record(path)
    first.add(typed(1), ENTERED, shown(1))
    first.close()
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines()[-1][:-5])
    again = Record(path)
    assert (again.typed(), again.inside(), again.place("lobby").shown) == (1, ["lobby"], 1)
    again.add(shown(2))
    again.close()
    assert facts_in(path) == [typed(1), ENTERED, shown(1), shown(2)]
