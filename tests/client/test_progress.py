"""How far a room has been printed, from its events alone."""

import threading
from collections.abc import Callable

import pytest

from chatroom.client.events import ClientEvent, Gap, Online, Reset
from chatroom.client.progress import Progress
from chatroom.messages import Live, Room
from tests.client.peers import TIMEOUT, message


def room(since: int, last: int) -> Room:
    return Room(room="lobby", epoch="e", topic="", members=[], first=1, last=last, since=since, gap=False, reset=False)


LEVEL: list[tuple[list[ClientEvent], int, bool]] = [
    ([], 0, False),
    ([Online()], 0, False),
    ([room(0, 0)], 0, False),
    ([room(0, 0), Live("lobby", 0)], 0, True),
    ([room(0, 0), Live("lobby", 0)], 1, False),
    ([room(0, 0), Live("lobby", 0), message(1)], 1, True),
    ([room(5, 5), Live("lobby", 5)], 0, True),
    ([room(5, 5), Live("lobby", 5)], 6, False),
    ([room(3, 5), message(4), Live("lobby", 5)], 0, False),
    ([room(3, 5), message(4), Live("lobby", 5), message(5)], 0, True),
    ([room(3, 5), Gap("lobby", 4, 5), Live("lobby", 5)], 0, True),
    ([room(5, 5), Live("lobby", 5), Reset("lobby"), room(8, 9)], 0, False),
    ([room(5, 5), Live("lobby", 5), Reset("lobby"), room(0, 1), message(1), Live("lobby", 1)], 1, True),
]


@pytest.mark.parametrize(("events", "seq", "is_level"), LEVEL, ids=range(len(LEVEL)))
def test_everything_is_printed_that_was_said(events: list[ClientEvent], seq: int, is_level: bool) -> None:
    progress = Progress()
    for event in events:
        progress.note(event)
    assert progress.is_level_with(seq) == is_level


def test_an_answer_is_remembered() -> None:
    progress = Progress()
    progress.note(message(1), is_answer=True)
    progress.note(message(2), is_answer=False)
    assert progress.is_answered


WAKING: list[Callable[[Progress], None]] = [lambda p: p.note(message(1), is_answer=True), Progress.end]


@pytest.mark.parametrize("wake", WAKING, ids=["by what happens", "by the end"])
def test_who_waits_is_woken(wake: Callable[[Progress], None]) -> None:
    progress, is_waiting, results = Progress(), threading.Event(), list[bool]()

    def patience() -> float:
        is_waiting.set()
        return TIMEOUT

    def wait() -> None:
        results.append(progress.wait_for(lambda: progress.is_answered, patience))

    waiter = threading.Thread(target=wait)
    waiter.start()
    assert is_waiting.wait(TIMEOUT)
    wake(progress)
    waiter.join(TIMEOUT)
    assert results == [True]


def test_patience_has_an_end() -> None:
    assert not Progress().wait_for(lambda: False, lambda: 0.0)
