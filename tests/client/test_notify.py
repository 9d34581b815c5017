"""Sounds: one for a burst, the bell where there is no player, and never in anybody's way."""

import logging
import sys
import threading
import time
from collections.abc import Iterator
from unittest.mock import create_autospec

import pytest

from chatroom.client import notify
from chatroom.client.chat import Chat
from chatroom.client.notify import Notifier
from chatroom.client.session import Client
from chatroom.messages import Message

PROMPT = 0.5
"""No call may take so long, whatever the player does."""
QUIET = 0.4


class Ear:
    """Counts, and lets wait for the next sound."""

    def __init__(self) -> None:
        self.heard = 0
        self._next = threading.Semaphore(0)

    def __call__(self) -> None:
        self.heard += 1
        self._next.release()

    def hears(self, seconds: float = 5) -> bool:
        return self._next.acquire(timeout=seconds)


@pytest.fixture
def bell() -> Ear:
    return Ear()


@pytest.fixture
def player() -> Ear:
    return Ear()


@pytest.fixture
def notifier(bell: Ear, player: Ear) -> Iterator[Notifier]:
    notifier = Notifier(bell, play=player, quiet_seconds=QUIET)
    yield notifier
    notifier.close()


def test_a_ring_is_a_sound(notifier: Notifier, player: Ear, bell: Ear) -> None:
    notifier.ring()
    assert player.hears()
    assert not bell.heard


def test_a_burst_is_one_sound_and_what_comes_later_another(notifier: Notifier, player: Ear) -> None:
    for _ in range(100):
        notifier.ring()
    assert player.hears()
    assert not player.hears(2 * QUIET)
    notifier.ring()
    assert player.hears()


def test_muted_is_quiet(notifier: Notifier, player: Ear) -> None:
    notifier.muted = True
    notifier.ring()
    notifier.muted = False
    notifier.ring()
    assert player.hears()
    assert player.heard == 1


@pytest.mark.parametrize(
    ("username", "replayed", "rings"), [("bob", False, 1), ("bob", True, 0), ("ada", False, 0), ("ada", True, 0)]
)
def test_only_others_who_speak_now_are_heard(username: str, replayed: bool, rings: int) -> None:
    client, notifier = create_autospec(Client, username="ada"), create_autospec(Notifier, instance=True)
    chat = Chat(client, show=lambda lines: None, leave=lambda: None, notifier=notifier)
    chat.hear(Message("lobby", 1, 0, username, "hello", "1", replayed=replayed))
    assert notifier.ring.call_count == rings


def test_without_a_player_the_bell_rings(bell: Ear) -> None:
    def broken() -> None:
        raise RuntimeError("no player")

    notifier = Notifier(bell, play=broken, quiet_seconds=0)
    for _ in range(2):
        notifier.ring()
        assert bell.hears()
    notifier.close()


def test_a_player_that_hangs_delays_nobody(bell: Ear) -> None:
    started, released = threading.Event(), threading.Event()

    def hang() -> None:
        started.set()
        released.wait()

    notifier = Notifier(bell, play=hang)
    notifier.ring()
    assert started.wait(5)
    before = time.monotonic()
    for _ in range(1_000):
        notifier.ring()
    notifier.close()
    assert time.monotonic() - before < PROMPT
    released.set()


def test_a_library_that_cannot_be_imported_is_a_bell(bell: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "playsound3", None)
    notifier = Notifier(bell, quiet_seconds=0)
    notifier.ring()
    assert bell.hears()
    notifier.close()


def test_the_library_starts_our_sound_and_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, bool]] = []
    library = type(sys)("playsound3")
    library.playsound = lambda sound, *, block: calls.append((sound, block))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "playsound3", library)
    notify.play()
    assert calls == [(notify.SOUND, False)]
    assert notify.SOUND.is_file()


def test_the_library_writes_nothing_into_the_line_being_typed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def complain(sound: object, *, block: bool) -> None:
        logging.getLogger("playsound3.playsound3").warning("No supported audio backends on this system!")

    library = type(sys)("playsound3")
    library.playsound = complain  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "playsound3", library)
    notify.play()
    assert capfd.readouterr() == ("", "")
