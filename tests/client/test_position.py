"""Each number is shown once, in order, or said to be gone: for any order of arrival, repeats, losses and pages."""

from hypothesis import given, settings
from hypothesis import strategies as st

from chatroom.client.events import Gap
from chatroom.client.position import Position
from chatroom.messages import Deleted, Edited, Numbered, Reacted, Skip
from tests.client.peers import message

LAST = 30
arrivals = st.lists(st.one_of(st.integers(1, LAST), st.just(-1)), max_size=60)
held_by_the_server = st.sets(st.integers(1, LAST))


def event(seq: int) -> Numbered:
    """What stands at this number: any kind of event takes one."""
    change = {"room": "lobby", "seq": seq, "time": seq, "username": "bob", "target": 1}
    kinds: list[Numbered] = [
        message(seq),
        Skip("lobby", seq),
        Edited(message="e", **change),  # type: ignore[arg-type]
        Deleted(**change),  # type: ignore[arg-type]
        Reacted(emoji="👍", on=True, **change),  # type: ignore[arg-type]
    ]
    return kinds[seq % len(kinds)]


@given(arrivals, held_by_the_server, st.integers(1, 7))
@settings(max_examples=300, deadline=None)
def test_every_number_once_in_order(arrivals: list[int], held: set[int], size: int) -> None:
    """-1 stands for a page of history, of at most `size` events."""
    position = Position(0, "e")
    shown: list[Numbered | Gap] = []
    said = {seq for seq in arrivals if seq > 0}
    for seq in arrivals:
        if seq > 0:
            shown += position.take(event(seq))
        else:
            shown += ask(position, held, size)
    while position.has_hole():
        shown += ask(position, held, size)
    numbers = [number for item in shown for number in numbers_of(item)]
    assert numbers == list(range(1, max(said, default=0) + 1))
    told = {item.seq for item in shown if not isinstance(item, Gap)}
    assert told <= said | held
    assert all(item == event(item.seq) for item in shown if not isinstance(item, Gap))
    assert said & told == said - {number for item in shown if isinstance(item, Gap) for number in numbers_of(item)}


def ask(position: Position, held: set[int], size: int) -> list[Numbered | Gap]:
    """What a server that holds these answers, and what becomes of it."""
    after, until = position.shown or 0, position.heard()
    there = sorted(seq for seq in held if after < seq <= until)
    page = [event(seq) for seq in there[:size]]
    return position.fill("lobby", page, 0 if len(there) > size else until)


def numbers_of(item: Numbered | Gap) -> list[int]:
    return [item.seq] if not isinstance(item, Gap) else list(range(item.first, item.last + 1))


def test_what_came_is_never_given_up() -> None:
    position = Position(0, "e")
    assert position.take(message(2)) == []
    assert position.take(message(4)) == []
    assert position.fill("lobby", [], 4) == [Gap("lobby", 1, 1), message(2), Gap("lobby", 3, 3), message(4)]


def test_a_number_from_nowhere_costs_nothing() -> None:
    position = Position(3, "e")
    far = (1 << 63) - 1
    position.take(message(far))
    assert position.fill("lobby", [], far) == [Gap("lobby", 4, far - 1), message(far)]
