"""Sounds: one for a burst, the bell where there is no player, and never in anybody's way."""

import logging
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.client import notify
from chatroom.client.notify import GATHER_SECONDS, QUIET_SECONDS, SOUNDS, Burst, Notifier, Player, file_of
from chatroom.client.wishes import URGENCY, Kind, Quiet
from tests.client.peers import TIMEOUT

pytestmark = pytest.mark.usefixtures("no_thread_is_left")

PROMPT = 0.5
"""No call may take so long, whatever the player does."""

MESSAGE, MENTION, DIRECT = Kind


# ------------------------------------------------------------------------------------------------------ many are one


def sounds_of(wishes: list[tuple[float, Kind]]) -> list[tuple[float, Kind]]:
    """What sounds, and when, if it is taken as soon as it is due."""
    burst, sounds = Burst(), []

    def take_until(end: float, now: float) -> None:
        while (left := burst.seconds_left(now)) is not None and now + left <= end:
            now += left
            if kind := burst.take(now):
                sounds.append((now, kind))

    last = 0.0
    for at, kind in wishes:
        take_until(at, last)
        burst.wish(kind, at)
        last = at
    take_until(float("inf"), last)
    return sounds


@pytest.mark.parametrize(
    ("wishes", "heard"),
    [
        ([], []),
        ([(1, MENTION)], [(1.05, MENTION)]),
        ([(1, MESSAGE)] * 100, [(1.05, MESSAGE)]),
        ([(1, MESSAGE), (1, DIRECT), (1, MENTION)], [(1.05, DIRECT)]),
        ([(1, MESSAGE), (2, MESSAGE)], [(1.05, MESSAGE)]),
        ([(1, DIRECT), (2, MESSAGE), (3, MENTION)], [(1.05, DIRECT)]),
        ([(1, MESSAGE), (2, MENTION)], [(1.05, MESSAGE), (3.05, MENTION)]),
        ([(1, MESSAGE), (2, MENTION), (3, DIRECT)], [(1.05, MESSAGE), (3.05, DIRECT)]),
        ([(1, DIRECT), (4, MESSAGE)], [(1.05, DIRECT), (4.05, MESSAGE)]),
    ],
)
def test_what_comes_together_is_one_sound_and_what_counts_more_is_heard(
    wishes: list[tuple[float, Kind]], heard: list[tuple[float, Kind]]
) -> None:
    assert [(round(at, 3), kind) for at, kind in sounds_of(wishes)] == heard


@given(st.lists(st.tuples(st.floats(0, 60), st.sampled_from(Kind))).map(sorted))
def test_no_two_sounds_are_close_together_and_none_is_missed(wishes: list[tuple[float, Kind]]) -> None:
    sounds = sounds_of(wishes)
    times = [at for at, _ in sounds]
    assert all(later >= earlier + QUIET_SECONDS for earlier, later in pairwise(times))
    for at, kind in wishes:
        assert any(
            at - QUIET_SECONDS <= sound <= at + QUIET_SECONDS + GATHER_SECONDS
            and URGENCY.index(heard) >= URGENCY.index(kind)
            for sound, heard in sounds
        )


def test_a_wish_counts_unless_it_is_joined_into_another() -> None:
    burst = Burst()
    assert [burst.wish(kind, 0) for kind in (MENTION, MENTION, MESSAGE, DIRECT)] == [True, False, False, True]
    assert burst.take(GATHER_SECONDS) == DIRECT
    assert not burst.wish(DIRECT, QUIET_SECONDS)
    assert burst.wish(MESSAGE, GATHER_SECONDS + QUIET_SECONDS)


# ------------------------------------------------------------------------------------------------------- which sound


def test_each_kind_has_a_sound() -> None:
    assert all(file_of(kind, None).is_file() for kind in Kind)


def test_a_file_of_ones_own_replaces_ours_and_what_is_not_there_does_not(tmp_path: Path) -> None:
    own = tmp_path / "mention.wav"
    own.touch()
    assert file_of(MENTION, tmp_path) == own
    assert file_of(DIRECT, tmp_path) == SOUNDS / "direct.wav"


# ------------------------------------------------------------------------------------------------- the player's ways


class Ear:
    """A bell or a player that keeps what it is to sound, and lets wait for it."""

    def __init__(self) -> None:
        self._heard: queue.SimpleQueue[object] = queue.SimpleQueue()

    def bell(self) -> None:
        self._heard.put("bell")

    def play(self, file: Path) -> str:
        self._heard.put(file.stem)
        return "ear"

    def hears(self) -> object:
        return self._heard.get(timeout=TIMEOUT)

    def heard(self) -> list[object]:
        """What else it was."""
        return [self._heard.get() for _ in range(self._heard.qsize())]


@pytest.fixture
def ear() -> Ear:
    return Ear()


def end_of_threads(name: str) -> None:
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(TIMEOUT)


def test_a_sound_is_played_and_it_says_by_what(ear: Ear) -> None:
    assert Player(ear.bell, play=ear.play).sound(MENTION) == "played by ear"
    assert ear.heard() == ["mention"]


def test_what_cannot_be_played_is_a_bell_and_the_next_one_is_tried_again(ear: Ear) -> None:
    troubles: list[Exception] = [OSError("no device"), RuntimeError("no idea")]

    def play(file: Path) -> str:
        if troubles:
            raise troubles.pop()
        return ear.play(file)

    player = Player(ear.bell, play=play)
    assert [player.sound(MESSAGE) for _ in range(3)] == ["bell: no idea", "bell: no device", "played by ear"]
    assert ear.heard() == ["bell", "bell", "message"]


def test_while_a_player_hangs_the_bell_rings(ear: Ear) -> None:
    release = threading.Event()

    def hang(file: Path) -> str:
        release.wait()
        return ear.play(file)

    player = Player(ear.bell, play=hang, patience=0)
    for _ in range(2):
        assert player.sound(MESSAGE) == "bell: the player does not come to an end (after 0 s)"
    assert ear.heard() == ["bell", "bell"]
    release.set()
    end_of_threads("chatroom player")
    player.sound(DIRECT)
    end_of_threads("chatroom player")
    assert [sound for sound in ear.heard() if sound != "bell"] == ["message", "direct"]


# --------------------------------------------------------------------------------------------------------- the library


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """In place of playsound3: it plays into `played`, and its player ends with `code`."""

    def playsound(sound: Path, *, block: bool) -> SimpleNamespace:
        logging.getLogger("playsound3.playsound3").warning("No supported audio backends on this system!")
        fake.played.append((sound, block))
        return SimpleNamespace(subprocess=SimpleNamespace(wait=lambda: fake.code))

    fake = SimpleNamespace(DEFAULT_BACKEND="fiddle", playsound=playsound, played=[], code=0)
    monkeypatch.setitem(sys.modules, "playsound3", fake)
    return fake


def test_the_library_plays_our_sound(library: SimpleNamespace) -> None:
    assert notify.play(SOUNDS / "direct.wav") == "fiddle"
    assert library.played == [(SOUNDS / "direct.wav", False)]


def test_the_library_writes_nothing_into_the_line_being_typed(
    library: SimpleNamespace, capfd: pytest.CaptureFixture[str]
) -> None:
    notify.play(SOUNDS / "direct.wav")
    assert capfd.readouterr() == ("", "")


def test_the_way_of_each_sound_is_told_in_words(library: SimpleNamespace, ear: Ear) -> None:
    assert [*notify.try_each(None, ear.bell)] == [(kind, "played by fiddle") for kind in Kind]
    assert ear.heard() == []
    assert [file.stem for file, _ in library.played] == [*Kind]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"code": 1}, f"fiddle could not play {SOUNDS / 'message.wav'} (exit code 1)"),
        ({"DEFAULT_BACKEND": None}, "no player of sounds is found"),
    ],
)
def test_what_is_not_heard_says_why(library: SimpleNamespace, ear: Ear, change: dict[str, Any], why: str) -> None:
    vars(library).update(change)
    assert next(notify.try_each(None, ear.bell)) == (MESSAGE, f"bell: {why}")
    assert ear.heard() == ["bell"]


def test_a_library_that_cannot_be_imported_is_a_bell(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "playsound3", None)
    assert "playsound3" in Player(ear.bell).sound(MESSAGE)
    assert ear.heard() == ["bell"]


# -------------------------------------------------------------------------------------------------------- the notifier


class Watched(Burst):
    """Tells what is taken."""

    def __init__(self) -> None:
        super().__init__(gather_seconds=0, quiet_seconds=0)
        self.taken: queue.SimpleQueue[Kind] = queue.SimpleQueue()

    def take(self, now: float) -> Kind | None:
        kind = super().take(now)
        if kind:
            self.taken.put(kind)
        return kind


@contextmanager
def notifying(ear: Ear, play: Callable[[Path], str] | None = None, **more: Any) -> Iterator[Notifier]:
    more = {"burst": Burst(gather_seconds=0, quiet_seconds=0)} | more
    notifier = Notifier(ear.bell, player=Player(ear.bell, play=play or ear.play), **more)
    yield notifier
    notifier.close()
    end_of_threads("chatroom sounds")


def test_a_ring_is_a_sound(ear: Ear) -> None:
    with notifying(ear) as notifier:
        for kind in Kind:
            assert notifier.ring(kind)
            assert ear.hears() == kind


def test_a_burst_calls_once(ear: Ear) -> None:
    with notifying(ear, burst=Burst(gather_seconds=0, quiet_seconds=TIMEOUT)) as notifier:
        assert [notifier.ring(MENTION) for _ in range(100)] == [True] + [False] * 99
        assert ear.hears() == "mention"
        assert not notifier.ring(MESSAGE)
    assert ear.heard() == []


def test_muted_is_quiet(ear: Ear) -> None:
    with notifying(ear, muted=True) as notifier:
        assert notifier.is_muted()
        assert not notifier.ring(DIRECT)
        notifier.unmute()
        assert notifier.ring(MESSAGE)
        assert ear.hears() == "message"
        notifier.mute()
        assert not notifier.ring(DIRECT)
    assert ear.heard() == []


def test_muted_for_a_while_is_quiet_so_long(ear: Ear) -> None:
    clock = [1_000.0]
    with notifying(ear, now=lambda: clock[0]) as notifier:
        notifier.mute_for(3_600)
        assert notifier.muted_until == 4_600
        clock[0] += 3_599
        assert not notifier.ring(DIRECT)
        clock[0] += 1
        assert notifier.ring(DIRECT)
        assert ear.hears() == "direct"


def test_quiet_hours_are_those_of_the_clock_on_the_wall(ear: Ear) -> None:
    clock = [0.0]

    def at(hour: int) -> float:
        return time.mktime((2026, 1, 15, hour, 30, 0, 0, 0, -1))

    with notifying(ear, now=lambda: clock[0], quiet=Quiet.of("22:00-07:00")) as notifier:
        for hour, rings in {21: True, 22: False, 23: False, 0: False, 6: False, 7: True}.items():
            clock[0] = at(hour)
            assert notifier.is_quiet() != rings
            assert notifier.ring(DIRECT) == rings
            assert not rings or ear.hears() == "direct"
        assert not notifier.is_muted()
    assert ear.heard() == []


def test_what_still_waits_when_sounds_are_switched_off_is_not_heard(ear: Ear) -> None:
    burst, release = Watched(), threading.Event()

    def play(file: Path) -> str:
        release.wait(TIMEOUT)
        return ear.play(file)

    with notifying(ear, play, burst=burst) as notifier:
        notifier.ring(MESSAGE)
        assert burst.taken.get(timeout=TIMEOUT) == MESSAGE
        notifier.ring(DIRECT)
        notifier.mute()
        release.set()
        assert burst.taken.get(timeout=TIMEOUT) == DIRECT
    assert ear.heard() == ["message"]


@pytest.mark.alone
def test_a_player_that_hangs_delays_nobody(ear: Ear) -> None:
    started, release = threading.Event(), threading.Event()

    def hang(file: Path) -> str:
        started.set()
        release.wait(TIMEOUT)
        return ""

    notifier = Notifier(ear.bell, player=Player(ear.bell, play=hang))
    notifier.ring(MESSAGE)
    assert started.wait(TIMEOUT)
    before = time.monotonic()
    for _ in range(1_000):
        notifier.ring(DIRECT)
    notifier.close()
    assert time.monotonic() - before < PROMPT
    release.set()


@pytest.mark.parametrize(
    ("text", "quiet"),
    [
        ("22:00-07:00", Quiet.of("22:00-07:00")),
        ("00:00-23:59", Quiet.of("00:00-23:59")),
        *[(text, None) for text in ("", "22-07", "24:00-07:00", "22:60-07:00", "22:00-07:00-", "22:00+01:00-07:00")],
    ],
)
def test_hours_are_two_times_of_the_day(text: str, quiet: Quiet | None) -> None:
    assert Quiet.of(text) == quiet
