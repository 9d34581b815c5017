"""The judge: reads what every person lived through and what the store holds, and says which promises were broken.

Pure: knows facts, rows and promises, by their numbers in the design: 1 a receipt holds, 2 exactly once, 3 one order
without a hole, 5 what is private reaches nobody else. Knows nothing of how any of it came to be. (That a stalled client
delays nobody, promise 4, shows in that the others go on; see `office`.)
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from tests.stress.kept import Holding, Kept, RoomKey, digest_of, may_end, shared_name
from tests.stress.record import (
    AnyFact,
    Entered,
    Fact,
    Found,
    Missed,
    Place,
    Receipted,
    Refused,
    Restarted,
    Said,
    Shown,
    Typed,
)

RECEIPT, ONCE, ORDER, PRIVATE = 1, 2, 3, 5

History = Sequence[AnyFact]


class Violation(NamedTuple):
    """Which promise was broken, to whom, and how."""

    promise: int
    name: str
    what: str


def violations(histories: Mapping[str, History], holding: Holding) -> list[Violation]:
    """Everything that went wrong; nothing, if the promises hold."""
    found = list(_in_the_store(holding))
    for name, history in histories.items():
        found += _of_what_was_said(name, history, holding)
        found += Walk(name, holding).through(history)
    return found


# ------------------------------------------------------------------------------------------------------ the store


def _in_the_store(holding: Holding) -> Iterator[Violation]:
    """Numbers without a hole, and times that never go back."""
    for where, rows in holding.rows.items():
        for earlier, later in pairwise([rows[seq] for seq in sorted(rows)]):
            if later.seq != earlier.seq + 1:
                yield Violation(ORDER, "the store", f"nothing of {where.room} stands between {earlier} and {later}")
            if later.time < earlier.time:
                yield Violation(ORDER, "the store", f"the time goes back in {where.room} from {earlier} to {later}")


# -------------------------------------------------------------------------------------------------- what was said


def _of_what_was_said(name: str, history: History, holding: Holding) -> Iterator[Violation]:
    typed = {fact.id: fact for fact in history if isinstance(fact, Typed)}
    refused = {fact.id for fact in history if isinstance(fact, Refused)}
    said = {fact.id for fact in history if isinstance(fact, Said)}
    for fact in history:
        if isinstance(fact, Receipted):
            yield from _of_a_receipt(name, fact, typed[fact.id], holding)
    for id, what in typed.items():
        yield from _of_one(name, what, holding.by_id.get((name, id), []), refused=id in refused, said=id in said)


def _of_a_receipt(name: str, receipt: Receipted, typed: Typed, holding: Holding) -> Iterator[Violation]:
    rows = holding.by_id.get((name, receipt.id), [])
    if not rows:
        yield Violation(RECEIPT, name, f"{receipt} was given, and nothing is stored")
    for row in rows:
        is_there = (row.where.room, row.seq) == (shared_name(name, receipt.room), receipt.seq)
        if not is_there or row.digest != digest_of(typed.text):
            yield Violation(RECEIPT, name, f"{receipt} was given for {typed}, and stored is {row}")


def _of_one(name: str, typed: Typed, rows: Sequence[Kept], *, refused: bool, said: bool) -> Iterator[Violation]:
    if len(rows) > 1:
        yield Violation(ONCE, name, f"{typed} is stored {len(rows)} times: {rows}")
    if rows and refused:
        yield Violation(ONCE, name, f"{typed} was refused, and is stored as {rows}")
    if said and not rows and not refused:
        yield Violation(ONCE, name, f"{typed} was lost")
    for row in rows:
        if typed.to is not None and row.readers != frozenset((name, *typed.to)):
            yield Violation(PRIVATE, name, f"{typed} may be read by {row.readers}")


# ------------------------------------------------------------------------------------------------- what was shown


class Walk:
    """Goes through one person's history, fact by fact, always knowing what may come next."""

    def __init__(self, name: str, holding: Holding) -> None:
        self._name = name
        self._holding = holding
        self._places: dict[str, Place] = {}
        self._seen: set[tuple[RoomKey, int]] = set()
        self._restarted: set[str] = set()
        self._found: list[Violation] = []

    def through(self, history: History) -> list[Violation]:
        for fact in history:
            if handle := _HANDLERS.get(type(fact)):
                handle(self, fact)
            room = getattr(fact, "room", None)
            if room is not None:
                self._places.setdefault(room, Place()).follow(fact)
        self._at_the_end()
        return self._found

    def _where(self, room: str) -> RoomKey:
        return self._holding.key_of(self._name, room, self._place(room).epoch)

    def _place(self, room: str) -> Place:
        return self._places.get(room, Place())

    def _complain(self, promise: int, what: str) -> None:
        self._found.append(Violation(promise, self._name, what))

    def _on_shown(self, fact: Shown) -> None:
        where = self._where(fact.room)
        row = self._holding.row(where, fact.seq)
        if row is None or (row.id, row.by, row.digest) != (fact.id, fact.by, digest_of(fact.text)):
            self._complain(RECEIPT, f"{fact} was shown, and stored is {row}")
        elif not row.is_for(self._name):
            self._complain(PRIVATE, f"{fact} is for {row.readers}")
        self._check_order(fact, where)
        self._seen.add((where, fact.seq))

    def _check_order(self, fact: Shown, where: RoomKey) -> None:
        place = self._place(fact.room)
        if (where, fact.seq) in self._seen:
            self._complain(ONCE, f"{fact} was shown before")
        elif fact.seq <= place.shown:
            self._complain(ORDER, f"{fact} was shown after {place.shown}")
        elif place.inside:
            self._check_hole(where, place.shown, fact.seq - 1, f"before {fact}")

    def _check_hole(self, where: RoomKey, after: int, until: int, when: str) -> None:
        if owed := self._holding.owed(self._name, where, after, until):
            self._complain(ORDER, f"{when}, {len(owed)} were left out, first {owed[0]}")

    def _on_entered(self, fact: Entered) -> None:
        place = self._place(fact.room)
        if place.epoch not in ("", fact.epoch):
            is_told = fact.room in self._restarted or (not place.shown and may_end(fact.room))
            if not is_told:
                self._complain(ORDER, f"{fact} began anew without a word, after {place}")
        elif place.inside:
            self._check_hole(self._where(fact.room), place.shown, fact.since, f"at {fact}")
        self._restarted.discard(fact.room)

    def _on_restarted(self, fact: Restarted) -> None:
        self._restarted.add(fact.room)

    def _on_missed(self, fact: Missed) -> None:
        self._check_hole(self._where(fact.room), fact.first - 1, fact.last, f"by {fact}")

    def _on_found(self, fact: Found) -> None:
        for message in fact.messages:
            rows = self._holding.by_id.get((message.by, message.id), [])
            if not any(row.digest == digest_of(message.text) for row in rows):
                self._complain(RECEIPT, f"{message} was found, and stored is {rows}")
            if any(row.once or not row.is_for(self._name) for row in rows):
                self._complain(PRIVATE, f"{message} was found, and is {rows}")

    def _at_the_end(self) -> None:
        for room, place in self._places.items():
            if place.inside:
                where = self._where(room)
                last = self._holding.last_owed(self._name, where)
                self._check_hole(where, place.shown, last, f"to the end, after {place}")


_HANDLERS: dict[type[Fact], Callable[[Walk, Any], None]] = {
    Shown: Walk._on_shown,
    Entered: Walk._on_entered,
    Restarted: Walk._on_restarted,
    Missed: Walk._on_missed,
    Found: Walk._on_found,
}
