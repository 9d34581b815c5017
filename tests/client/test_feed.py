"""Listeners that are slow, that stand still, or that never come: memory is bounded, nothing numbered is lost, and the
client goes on."""

import threading
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from chatroom import Server
from chatroom.client import feed
from chatroom.client.events import ClientEvent, Online
from chatroom.client.feed import Feed
from chatroom.client.session import Client
from chatroom.messages import Joined, Live, Message, Notice, Room
from tests.client.conftest import Enter
from tests.client.peers import TIMEOUT, texts

pytestmark = pytest.mark.usefixtures("no_thread_is_left")

MANY = 5_000
LARGEST_READ = 64 * 1024 // 100
"""So many messages may come at a time, and are put in before it is seen that there are too many."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "KEPT", 100)
    monkeypatch.setattr(feed, "PATIENCE", 0.01)


def listen(client: Client, is_last: Callable[[ClientEvent], bool]) -> Iterator[ClientEvent]:
    """What is heard, in this thread, up to the last; in any case it ends."""
    end = threading.Timer(TIMEOUT, client.close)
    end.start()
    for event in client.events():
        yield event
        if is_last(event):
            break
    else:
        pytest.fail("the last event never came")
    end.cancel()
    end.join()


def says(text: str) -> Callable[[ClientEvent], bool]:
    return lambda event: isinstance(event, Message) and event.message == text


def test_with_nobody_listening_the_newest_are_kept(server: Server, enter: Enter) -> None:
    ada = enter(server.port).start()
    ada.join("lobby")
    for n in range(500):
        ada.say("lobby", f"m{n}")
    assert ada.flush(TIMEOUT)
    assert texts(list(listen(ada, says("m499")))) == [f"m{n}" for n in range(400, 500)]


def test_a_slow_listener_hears_everything_once_in_order(server: Server, enter: Enter) -> None:
    ada, bob = enter(server.port).start(), enter(server.port, "bob").start()
    ada.events()
    ada.join("lobby").result(TIMEOUT)
    bob.join("lobby").result(TIMEOUT)
    for n in range(MANY):
        bob.say("lobby", f"m{n}")
    assert bob.flush(TIMEOUT)
    ada.ping().result(TIMEOUT)  # everything has come, and nobody has listened yet
    assert len(ada._feed._events) < 100 + LARGEST_READ
    assert texts(list(listen(ada, says(f"m{MANY - 1}")))) == [f"m{n}" for n in range(MANY)]


def test_a_listener_may_wait_for_receipts(server: Server, enter: Enter) -> None:
    """One that answers each message, and waits for the receipt each time, while messages pour in."""
    bot, bob = enter(server.port, "bot").start(), enter(server.port, "bob").start()
    bot.events()
    bot.join("lobby").result(TIMEOUT)
    bob.join("lobby").result(TIMEOUT)
    for n in range(600):
        bob.say("lobby", f"m{n}")
    answered = []
    for event in listen(bot, says("re: m599")):
        if isinstance(event, Message) and event.username == "bob":
            bot.say("lobby", f"re: {event.message}").result(TIMEOUT)
            answered.append(event.message)
    assert answered == [f"m{n}" for n in range(600)]


def test_a_listener_that_went_away_stops_nothing(server: Server, enter: Enter) -> None:
    ada = enter(server.port).start()
    next(ada.events())
    ada.join("lobby")
    for n in range(MANY):
        ada.say("lobby", f"m{n}")
    assert ada.flush(TIMEOUT)
    assert len(ada._feed._events) < 100 + LARGEST_READ


def test_who_is_there_is_told_again_after_comings_were_passed_over(server: Server, enter: Enter) -> None:
    ada, bob = enter(server.port).start(), enter(server.port, "bob").start()
    ada.events()
    ada.join("lobby").result(TIMEOUT)
    bob.join("lobby").result(TIMEOUT)
    for n in range(MANY):
        bob.say("lobby", f"m{n}")
    assert bob.flush(TIMEOUT)
    carol = enter(server.port, "carol").start()
    carol.join("lobby").result(TIMEOUT)
    ada.ping().result(TIMEOUT)
    heard = list(listen(ada, lambda event: isinstance(event, Room) and "carol" in event.members))
    assert Joined("lobby", "carol") not in heard
    assert texts(heard) == [f"m{n}" for n in range(MANY)]


def test_the_receiver_waits_a_moment_for_its_listener(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "PATIENCE", TIMEOUT)
    events = Feed(lambda: None)
    listener = events.listen()
    events.put([Notice(str(n)) for n in range(100)])
    asked: list[bool] = []
    receiver = threading.Thread(target=lambda: asked.append(events.is_overflowing()))
    receiver.start()
    receiver.join(0.1)
    assert receiver.is_alive()
    list(islice(listener, 50))
    receiver.join(TIMEOUT)
    assert asked == [False]


def test_a_feed_that_has_ended_gives_what_is_left() -> None:
    events = Feed(lambda: None)
    events.put([Online(), Live("lobby", 1)])
    events.end()
    assert list(events.listen()) == [Online(), Live("lobby", 1)]
    assert list(events.listen()) == []
