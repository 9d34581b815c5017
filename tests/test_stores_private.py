"""What every store promises of what is not for all, and of what becomes of a message later."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import json

from chatroom.messages import Deleted, Edited, Message, Numbered, Reacted, Skip, Stored
from chatroom.server.store import (
    Appended,
    Change,
    IdConflict,
    Reader,
    RoomRecord,
    Said,
    Standing,
    Store,
    Words,
    open_store,
)
from tests.support.stores import (
    ADA,
    BOB,
    EVE,
    STORES,
    by,
    delete,
    edit,
    fill,
    messages,
    once,
    opened,
    page_of,
    react,
    said,
    say,
    seqs,
    whisper,
)


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with opened(request.param, tmp_path) as store:
        yield store


@pytest.fixture
def lobby(store: Store) -> RoomRecord:
    return store.add_room("lobby", "lobby")


def append(store: Store, room: RoomRecord, owner: int, *words: Words, now: int = 0) -> Appended:
    return store.append(room, [by(owner, *words)], now)


def texts(events: list[Numbered]) -> list[str]:
    return [message.message for message in messages(events)]


# Whispers


def test_a_whisper_takes_a_number_and_says_who_may_read_it(store: Store, lobby: RoomRecord) -> None:
    psst = whisper("w", "psst", BOB, to=["bob"])
    appended = store.append(lobby, [by(ADA, say("a"), psst), by(BOB, say("b"))], 5)
    assert seqs(appended.events) == [1, 2, 3]
    assert appended.events[1] == Message("lobby", 2, 5, "ada", "psst", "w", to=["bob"])
    assert appended.readers == {2: {ADA, BOB}}


def test_others_get_nothing_of_a_whisper_but_its_number(store: Store, lobby: RoomRecord) -> None:
    append(store, lobby, ADA, say("a"), whisper("w", "psst", BOB, to=["bob"]), say("b"))
    told = Message("lobby", 2, 0, "ada", "psst", "w", replayed=True, to=["bob"])
    for history in (False, True):
        for reader in (ADA, BOB):
            assert page_of(store, lobby, reader, history=history)[1] == told
        for outsider in (EVE, 0):
            page = page_of(store, lobby, outsider, history=history)
            assert page[1] == Skip("lobby", 2)
            assert seqs(page) == [1, 2, 3]


def test_a_whisper_that_is_said_again_is_a_repeat(store: Store, lobby: RoomRecord) -> None:
    append(store, lobby, ADA, whisper("w", "psst", BOB))
    again = append(store, lobby, ADA, whisper("w", "psst", EVE), whisper("w", "other", BOB), now=9)
    assert list(again.repeats) == [(0, Stored("w", "lobby", 1, 0)), (0, IdConflict("w"))]
    assert not again.events
    assert page_of(store, lobby, EVE) == [Skip("lobby", 1)]


def test_the_store_knows_whose_a_message_is_and_who_may_read_it(store: Store, lobby: RoomRecord) -> None:
    append(store, lobby, ADA, say("a"), whisper("w", "psst", BOB), once("o", "burns", EVE), react(1))
    assert [store.standing(lobby, seq) for seq in range(6)] == [
        None,
        Standing(ADA, "ada", None, once=False),
        Standing(ADA, "ada", frozenset([ADA, BOB]), once=False),
        Standing(ADA, "ada", frozenset([ADA, EVE]), once=True),
        None,
        None,
    ]


def test_says_that_do_not_come_as_talk_are_says_all_the_same(store: Store, lobby: RoomRecord) -> None:
    other = store.add_room("other", "other")
    talk = store.append(lobby, [said("a", "b")], 3).events
    mixed = store.append(other, [Said(BOB, "ada", [say("a"), say("b")])], 3).events
    assert [json.encode(event).replace(b"other", b"lobby") for event in mixed] == [json.encode(e) for e in talk]
    assert [json.encode(event).replace(b"other", b"lobby") for event in page_of(store, other, ADA)] == [
        json.encode(event) for event in page_of(store, lobby, ADA)
    ]


# View-once messages


def test_a_view_once_message_is_shown_to_its_readers_alone_and_in_no_history(store: Store, lobby: RoomRecord) -> None:
    appended = append(store, lobby, ADA, once("o", "burns", BOB, EVE))
    assert appended.events == [Message("lobby", 1, 0, "ada", "burns", "o", once=True)]
    assert appended.readers == {1: {ADA, BOB, EVE}}
    shown = Message("lobby", 1, 0, "ada", "burns", "o", replayed=True, once=True)
    assert page_of(store, lobby, BOB) == page_of(store, lobby, EVE) == [shown]
    assert page_of(store, lobby, ADA) == page_of(store, lobby, 7) == [Skip("lobby", 1)]
    for reader in (ADA, BOB, EVE, 7):
        assert page_of(store, lobby, reader, history=True) == [Skip("lobby", 1)]


def test_it_is_shown_to_nobody_twice_and_erased_once_all_were_shown_it(store: Store, lobby: RoomRecord) -> None:
    append(store, lobby, ADA, once("o", "burns", BOB, EVE), once("p", "burns", BOB))
    assert store.unseen_once(lobby) == 1
    store.seen_once(Reader(BOB, lobby), 1)
    assert (texts(page_of(store, lobby, BOB)), texts(page_of(store, lobby, EVE))) == (["burns"], ["burns"])
    assert store.standing(lobby, 1), "one still waits for it"
    store.seen_once(Reader(EVE, lobby), 1)
    assert store.standing(lobby, 1) is None
    assert store.unseen_once(lobby) == 2
    store.seen_once(Reader(BOB, lobby), 2)
    assert store.unseen_once(lobby) == 0
    tombstones = [Deleted(room="lobby", seq=n, time=0, username="ada", target=n, replayed=True) for n in (1, 2)]
    for reader, page in ((ADA, tombstones), (BOB, tombstones), (EVE, [tombstones[0], Skip("lobby", 2)])):
        assert page_of(store, lobby, reader) == page_of(store, lobby, reader, history=True) == page
    assert page_of(store, lobby, 7) == [Skip("lobby", 1), Skip("lobby", 2)]


def test_who_sent_it_or_is_none_of_its_readers_cannot_have_seen_it(store: Store, lobby: RoomRecord) -> None:
    append(store, lobby, ADA, once("o", "burns", ADA, BOB))
    for owner in (ADA, EVE):
        store.seen_once(Reader(owner, lobby), 9)
    assert store.unseen_once(lobby) == 1
    store.seen_once(Reader(BOB, lobby), 9)
    assert store.standing(lobby, 1) is None, "its author is not waited for"


def test_its_id_is_still_known_when_it_is_erased(store: Store, lobby: RoomRecord) -> None:
    append(store, lobby, ADA, once("o", "burns", BOB))
    store.seen_once(Reader(BOB, lobby), 1)
    again = append(store, lobby, ADA, once("o", "burns", BOB), once("o", "other", BOB))
    assert list(again.repeats) == [(0, Stored("o", "lobby", 1, 0)), (0, IdConflict("o"))]


def test_a_view_once_message_that_was_deleted_is_waited_for_no_more(store: Store, lobby: RoomRecord) -> None:
    append(store, lobby, ADA, once("o", "burns", BOB))
    append(store, lobby, ADA, delete(1))
    assert store.unseen_once(lobby) == 0
    assert [type(event) for event in page_of(store, lobby, BOB)] == [Deleted, Deleted]
    assert [type(event) for event in page_of(store, lobby, EVE)] == [Skip, Skip]


# Changes


def test_a_change_takes_a_number_and_is_the_answer_to_who_asked_for_it(store: Store, lobby: RoomRecord) -> None:
    fill(store, lobby, 1, 2)
    appended = append(store, lobby, BOB, edit(1, "new"), react(1), react(1, on=False), delete(2), now=9)
    common: dict[str, Any] = {"room": "lobby", "time": 9, "username": "bob"}
    live = [
        Edited(seq=3, target=1, message="new", id="e", **common),
        Reacted(seq=4, target=1, emoji="👍", on=True, id="r", **common),
        Reacted(seq=5, target=1, emoji="👍", on=False, id="r", **common),
        Deleted(seq=6, target=2, id="d", **common),
    ]
    assert list(appended.events) == live
    assert not appended.readers
    assert lobby.last == 6
    for history in (False, True):
        changes = page_of(store, lobby, EVE, history=history)[2:]
        assert changes == [
            Edited(seq=3, target=1, message="new", replayed=True, **common),
            Reacted(seq=4, target=1, emoji="👍", on=True, replayed=True, **common),
            Reacted(seq=5, target=1, emoji="👍", on=False, replayed=True, **common),
            Deleted(seq=6, target=2, replayed=True, **common),
        ], "nobody's answer any more"


def test_an_edited_message_is_replayed_with_its_new_text(store: Store, lobby: RoomRecord) -> None:
    store.append(lobby, [said("a")], 5)
    append(store, lobby, ADA, edit(1, "one"), now=9)
    append(store, lobby, ADA, edit(1, "two"), now=9)
    assert page_of(store, lobby, BOB)[0] == Message("lobby", 1, 5, "ada", "two", "a", replayed=True)


def test_the_id_of_an_edited_message_stands_for_what_was_said_first(store: Store, lobby: RoomRecord) -> None:
    append(store, lobby, ADA, say("a", "old"))
    append(store, lobby, ADA, edit(1, "new"))
    append(store, lobby, ADA, edit(1, "newer"))
    again = append(store, lobby, ADA, say("a", "old"), say("a", "new"))
    assert list(again.repeats) == [(0, Stored("a", "lobby", 1, 0)), (0, IdConflict("a"))]


def test_of_a_deleted_message_its_number_is_left_and_its_id(store: Store, lobby: RoomRecord) -> None:
    append(store, lobby, ADA, say("a", "gone"), whisper("w", "gone", BOB), now=5)
    append(store, lobby, BOB, delete(1), delete(2), now=9)
    tombstone = Deleted(room="lobby", seq=1, time=5, username="ada", target=1, replayed=True)
    assert page_of(store, lobby, EVE)[:2] == [tombstone, Skip("lobby", 2)]
    assert [type(event) for event in page_of(store, lobby, BOB)] == [Deleted] * 4
    assert store.standing(lobby, 1) is None
    again = append(store, lobby, ADA, say("a", "gone"), say("a", "other"))
    assert list(again.repeats) == [(0, Stored("a", "lobby", 1, 5)), (0, IdConflict("a"))]


def test_what_an_edit_made_of_a_deleted_message_is_gone_too(store: Store, lobby: RoomRecord) -> None:
    append(store, lobby, ADA, say("a", "one"), whisper("w", "two", BOB), say("b", "three"))
    append(store, lobby, ADA, edit(1, "three"), edit(2, "four"), edit(3, "five"))
    together = append(store, lobby, ADA, edit(1, "six"), delete(1), delete(2))
    assert together.events[0] == Edited(room="lobby", seq=7, time=0, username="ada", target=1, message="six", id="e"), (
        "who asked for it is answered"
    )
    assert together.readers == {9: {ADA, BOB}}
    page = page_of(store, lobby, BOB)
    assert [event.seq for event in page if isinstance(event, Skip)] == [4, 5, 7]
    assert texts(page) == ["five"]
    assert [event.message for event in page if isinstance(event, Edited)] == ["five"]


def test_a_change_of_a_whisper_is_for_its_readers_alone(store: Store, lobby: RoomRecord) -> None:
    append(store, lobby, ADA, whisper("w", "psst", BOB))
    for owner, change in ((ADA, edit(1, "hush")), (BOB, react(1)), (ADA, delete(1))):
        appended = append(store, lobby, owner, change)
        assert appended.readers == {lobby.last: {ADA, BOB}}
    for history in (False, True):
        assert page_of(store, lobby, EVE, history=history) == [Skip("lobby", seq) for seq in (1, 2, 3, 4)]
        page = page_of(store, lobby, BOB, history=history)
        assert [type(event) for event in page] == [Deleted, Skip, Reacted, Deleted]


def test_a_change_may_come_in_one_batch_with_what_it_changes(store: Store, lobby: RoomRecord) -> None:
    appended = append(store, lobby, ADA, whisper("w", "psst", BOB), edit(1, "hush"), say("a", "x"), delete(3))
    assert seqs(appended.events) == [1, 2, 3, 4]
    assert appended.readers == {1: {ADA, BOB}, 2: {ADA, BOB}}
    assert [type(event) for event in page_of(store, lobby, EVE)] == [Skip, Skip, Deleted, Deleted]
    assert texts(page_of(store, lobby, BOB)) == ["hush"]


@pytest.mark.parametrize("change", [edit(2, "secret"), react(2), delete(2)])
def test_a_change_that_comes_too_late_changes_nothing_and_is_for_its_author_alone(
    store: Store, lobby: RoomRecord, change: Change
) -> None:
    """Whoever it was for is perhaps forgotten already, and it must not become known to others."""
    append(store, lobby, ADA, say("a"), whisper("w", "psst", BOB), now=10)
    append(store, lobby, ADA, delete(2), now=20)
    before = page_of(store, lobby, BOB)
    late = append(store, lobby, ADA, change, now=30)
    store.prune(20, 0)
    later = append(store, lobby, ADA, change, change._replace(target=99), now=40)
    assert (seqs(late.events), seqs(later.events)) == ([4], [5, 6])
    assert {**late.readers, **later.readers} == {4: {ADA}, 5: {ADA}, 6: {ADA}}
    assert page_of(store, lobby, BOB) == [*before[2:], *[Skip("lobby", seq) for seq in (4, 5, 6)]]
    assert all(type(event) is type(late.events[0]) for event in page_of(store, lobby, ADA)[1:])


def test_only_what_was_said_can_be_changed(store: Store, lobby: RoomRecord) -> None:
    append(store, lobby, ADA, say("a", "old"))
    append(store, lobby, ADA, edit(1, "new"))
    append(store, lobby, ADA, edit(2, "other"), delete(2))
    page = page_of(store, lobby, BOB)
    assert [type(event) for event in page] == [Message, Edited, Skip, Skip]
    assert page[1] == Edited(room="lobby", seq=2, time=0, username="ada", target=1, message="new", replayed=True)


def test_pages_of_what_is_not_for_all_have_no_hole(store: Store, lobby: RoomRecord) -> None:
    append(store, lobby, ADA, say("a"), whisper("w", "psst", BOB), once("o", "x", BOB), delete(1), edit(2, "y"))
    for reader in (ADA, BOB, EVE):
        for newest in (False, True):
            assert seqs(store.page(lobby, 1, 5, 2, reader=reader, newest=newest)) == ([3, 4] if newest else [2, 3])


# Whatever happens, nobody gets what was not for it

OWNERS = (ADA, BOB, EVE)

owners = st.sampled_from(OWNERS)
some = st.frozensets(owners)
targets = st.integers(1, 12)
actions = st.one_of(
    st.tuples(st.just("say"), owners),
    st.tuples(st.just("talk"), owners, targets),
    st.tuples(st.just("whisper"), owners, some),
    st.tuples(st.just("once"), owners, some),
    st.tuples(st.sampled_from(["edit", "delete", "react"]), owners, targets),
    st.tuples(st.just("seen"), owners, targets),
    st.tuples(st.just("prune"), owners, targets),
)


class Twins:
    """Two stores to which the same is said, and what is known of it from what they answered."""

    def __init__(self, *stores: Store) -> None:
        self.rooms = [(store, store.add_room("room", f"room {len(store.rooms())}")) for store in stores]
        self.example = self.rooms[0][1].folded
        self.secrets: dict[str, frozenset[int]] = {}
        """By whom each text may ever be read; each is said only once."""
        self.waiting: dict[int, set[int]] = {}
        self.readers: dict[int, frozenset[int]] = {}
        self.edits: set[int] = set()

    def do(self, number: int, what: str, owner: int, more: Any = None) -> None:
        if what == "seen":
            for seq in range(more + 1):
                self.waiting.get(seq, set()).discard(owner)
        for store, room in self.rooms:
            if what == "seen":
                store.seen_once(Reader(owner, room), more)
            elif what == "prune":
                store.prune(more // 4, 0)
        if what not in ("seen", "prune"):
            secret = f"secret {number}."
            self.append(number, owner, self.words(f"{number} {self.example}", secret, what, more), secret)

    def words(self, id: str, secret: str, what: str, more: Any) -> list[Words]:
        match what:
            case "whisper" | "once":
                return [whisper(id, secret, *more, once=what == "once")]
            case "talk":
                return [say(f"{id} {place:02}", secret) for place in range(more)]
            case "say":
                return [say(id, secret)]
        return [{"edit": edit(more, secret), "delete": delete(more), "react": react(more)}[what]]

    def append(self, now: int, owner: int, words: list[Words], secret: str) -> None:
        one, other = (append(store, room, owner, *words, now=now) for store, room in self.rooms)
        assert (one.events, one.readers) == (other.events, other.readers)
        assert len(one.events) == len(words)
        for event in one.events:
            self.readers[event.seq] = one.readers.get(event.seq, frozenset(OWNERS))
            self.secrets[secret] = self.readers[event.seq]
            if isinstance(event, Edited):
                self.edits.add(event.seq)
            if isinstance(event, Message) and event.once:
                self.waiting[event.seq] = set(self.readers[event.seq] - {owner})

    def check(self) -> None:
        (_, room), (_, other_room) = self.rooms
        assert (room.first, room.last) == (other_room.first, other_room.last)
        for owner in OWNERS:
            for history in (False, True):
                one, other = (page_of(store, room, owner, history=history) for store, room in self.rooms)
                assert one == other
                assert seqs(one) == list(range(room.first, room.last + 1))
                for event in one:
                    assert self.is_right(event, owner, history=history), event

    def is_right(self, event: Numbered, owner: int, *, history: bool) -> bool:
        if any(
            secret in json.encode(event).decode() for secret, readers in self.secrets.items() if owner not in readers
        ):
            return False
        if isinstance(event, Message) and event.once:
            return not history and owner in self.waiting[event.seq]
        if isinstance(event, Skip):
            return owner not in self.readers[event.seq] or event.seq in self.waiting or event.seq in self.edits
        return owner in self.readers[event.seq]


@pytest.mark.parametrize("name", STORES[1:])
@settings(max_examples=60, deadline=None)
@given(happenings=st.lists(actions, max_size=14))
@example(happenings=[("edit", ADA, 2), ("say", ADA), ("delete", ADA, 2)])  # what is not there yet is not edited
def test_each_owner_gets_what_is_for_it_and_nothing_else_from_every_store(
    name: str, happenings: list[tuple[object, ...]]
) -> None:
    with TemporaryDirectory() as folder, opened(name, Path(folder)) as sqlite:
        twins = Twins(open_store("memory:"), sqlite)
        for number, happening in enumerate(happenings, 1):
            twins.do(number, *happening)  # type: ignore[arg-type]
            twins.check()
        for seq, reader in ((seq, reader) for seq, waiting in twins.waiting.items() for reader in [*waiting]):
            shown = [e.seq for e in messages(page_of(sqlite, twins.rooms[1][1], reader)) if e.once]
            is_gone = sqlite.standing(twins.rooms[1][1], seq) is None
            assert is_gone or seq in shown, "who waits for it is shown it"
