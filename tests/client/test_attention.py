"""What calls a person, and by which sound: real wishes and a real notifier; only the player is a list."""

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatroom.client.attention import Attention
from chatroom.client.notify import Burst, Notifier, Player
from chatroom.client.wishes import Kind, Wish, Wishes
from chatroom.messages import Message
from tests.client.peers import TIMEOUT

pytestmark = pytest.mark.usefixtures("no_thread_is_left")

TROUBLE = "The system shows no notifications."


class Watched(Burst):
    """Keeps what is called for, from the call on."""

    def __init__(self, quiet_seconds: float) -> None:
        super().__init__(gather_seconds=0, quiet_seconds=quiet_seconds)
        self.calls: list[Kind] = []

    def wish(self, kind: Kind, now: float) -> bool:
        counts = super().wish(kind, now)
        self.calls += [kind] * counts
        return counts


class Desk:
    """A person's: what is heard there, and what pops up."""

    def __init__(self, folder: Path, wish: Wish = Wish.ALL, quiet_seconds: float = 0) -> None:
        self.sounds: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.popups: list[str] = []
        player = Player(lambda: self.sounds.put("bell"), play=self._play)
        self.burst = Watched(quiet_seconds)
        notifier = Notifier(lambda: None, player=player, burst=self.burst)
        self.attention = Attention(notifier, Wishes(folder / "wishes.json", wish), self._pop_up)

    def _play(self, file: Path) -> str:
        self.sounds.put(file.stem)
        return "list"

    def _pop_up(self, said: Message) -> str:
        self.popups.append(said.message)
        return TROUBLE

    def hears(self) -> str:
        return self.sounds.get(timeout=TIMEOUT)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.attention.notifier.close()


def said(text: str = "hello", room: str = "lobby", *, replayed: bool = False) -> Message:
    return Message(room, 1, 0, "bob", text, "id", replayed=replayed)


# -------------------------------------------------------------------------------------------------------- the kinds


@pytest.mark.parametrize(
    ("room", "is_mention", "sound"),
    [
        ("lobby", False, "message"),
        ("lobby", True, "mention"),
        ("@bob", False, "direct"),
        ("@bob", True, "direct"),
        ("bob@home", False, "message"),
    ],
)
def test_each_kind_has_its_sound_and_what_is_said_to_one_alone_counts_most(
    desk: Desk, room: str, is_mention: bool, sound: str
) -> None:
    desk.attention.catch(said(room=room), is_mention=is_mention)
    assert desk.hears() == sound


# ------------------------------------------------------------------------------------------------------- the wishes


@pytest.mark.parametrize(
    ("wish", "heard"),
    [
        (Wish.ALL, ["message", "mention", "direct"]),
        (Wish.MENTIONS, ["mention", "direct"]),
        (Wish.NONE, []),
    ],
)
@pytest.mark.parametrize("is_default", [True, False])
def test_only_what_is_wished_makes_a_sound_and_pops_up(
    tmp_path: Path, wish: Wish, heard: list[str], is_default: bool
) -> None:
    desk = Desk(tmp_path, wish if is_default else Wish.ALL)
    for room in () if is_default else ("lobby", "@bob"):
        desk.attention.wishes.set(room, wish)
    sounds = []
    for room, is_mention, kind in (("lobby", False, "message"), ("lobby", True, "mention"), ("@bob", False, "direct")):
        if desk.attention.catch(said(kind, room), is_mention=is_mention):
            sounds.append(desk.hears())
    assert sounds == desk.popups == desk.burst.calls == heard
    desk.attention.notifier.close()


def test_a_wish_is_for_its_room_alone(desk: Desk) -> None:
    desk.attention.wishes.set("lobby", Wish.NONE)
    desk.attention.catch(said("unheard"), is_mention=True)
    desk.attention.catch(said("heard", "cats"), is_mention=False)
    assert desk.hears() == "message"
    assert desk.popups == ["heard"]


# ------------------------------------------------------------------------------------------------- what was missed


def test_what_was_missed_is_one_sound_the_most_urgent_and_only_once_all_is_shown(desk: Desk) -> None:
    for room, is_mention in [("lobby", False), ("cats", True), *[("lobby", False)] * 100]:
        assert desk.attention.catch(said(room, room, replayed=True), is_mention=is_mention) == ""
    assert desk.popups == desk.burst.calls == []
    assert desk.attention.settle() == TROUBLE
    assert desk.hears() == "mention"
    assert desk.popups == ["cats"]
    assert desk.attention.settle() == ""
    assert desk.popups == ["cats"]
    assert desk.burst.calls == [Kind.MENTION]


def test_nothing_missed_is_no_sound(desk: Desk) -> None:
    assert desk.attention.settle() == ""
    assert desk.popups == desk.burst.calls == []


def test_what_was_missed_where_nothing_is_wished_is_no_sound(desk: Desk) -> None:
    desk.attention.wishes.set("lobby", Wish.MENTIONS)
    desk.attention.catch(said(replayed=True), is_mention=False)
    assert desk.attention.settle() == ""
    assert desk.popups == desk.burst.calls == []


# ------------------------------------------------------------------------------------------------ one popup, one sound


def test_a_burst_pops_up_once_as_it_sounds_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path, quiet_seconds=TIMEOUT)
    told = [desk.attention.catch(said(f"news {n}"), is_mention=False) for n in range(100)]
    assert desk.hears() == "message"
    assert desk.popups == ["news 0"]
    assert desk.burst.calls == [Kind.MESSAGE]
    assert told == [TROUBLE] + [""] * 99
    desk.attention.notifier.close()


def test_while_sounds_are_off_nothing_pops_up(desk: Desk) -> None:
    desk.attention.notifier.mute()
    assert desk.attention.catch(said(), is_mention=True) == ""
    desk.attention.catch(said(replayed=True), is_mention=True)
    assert desk.attention.settle() == ""
    assert desk.popups == desk.burst.calls == []
