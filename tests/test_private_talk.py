"""Direct rooms, whispers and what is shown once: PROTOCOL.md, parts 2 and 5. Each rule has a test of its name, on both
stores; and a property lets people do anything, and looks at every byte that each was sent."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatroom.messages import (
    AskHistory,
    AskRooms,
    Delete,
    Deleted,
    Edit,
    Edited,
    Error,
    Found,
    History,
    Join,
    Leave,
    Message,
    Mute,
    React,
    Reacted,
    Room,
    Rooms,
    Say,
    Search,
    Seen,
    Skip,
    Stored,
    Unmute,
    Who,
)
from chatroom.server.store import Store
from chatroom.server.store.memory import MemoryStore
from chatroom.server.store.sqlite import SqliteStore
from tests.support.desks import Office, Visitor, hush, seqs
from tests.support.rooms import only, shown


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "chat.db")
    with closing(made) as store:
        yield store


@pytest.fixture
def office(store: Store) -> Office:
    return Office(store)


def one(kind: type[Any], events: list[Any]) -> Any:
    [event] = only(kind, events)
    return event


# ------------------------------------------------------------------------------------------------- direct rooms


def test_a_direct_room_bears_the_others_name(office: Office) -> None:
    ada, bob = office.visitor("ada"), office.visitor("bob")
    assert one(Room, ada.joins("@bob")).room == "@bob"
    assert one(Room, bob.joins("@ADA")).room == "@ada"
    assert ada.says("@bob", "hello").room == "@bob"
    assert one(Message, bob.hears()).room == "@ada"
    assert one(History, bob.asks(AskHistory(room="@ada"))).messages[0].room == "@ada"


def test_only_the_two_ever_see_it(office: Office) -> None:
    ada, bob, eve = (office.visitor(name, "lobby") for name in ("ada", "bob", "eve"))
    ada.joins("@bob")
    bob.joins("@ada")
    ada.says("@bob", "between us")
    assert [info.room for info in one(Rooms, eve.asks(AskRooms())).rooms] == ["lobby"]
    assert eve.is_refused(AskHistory(room="@ada")) == "no_such_room"
    assert one(Found, eve.asks(Search(query="between"))).messages == []
    assert b"between us" not in eve.all_bytes()
    eve.joins("@ada")
    assert b"between us" not in eve.all_bytes(), "that is another room"


def test_who_is_talked_to_hears_it_without_having_joined(office: Office) -> None:
    ada, bob = office.visitor("ada"), office.visitor("bob")
    ada.joins("@bob")
    ada.says("@bob", "are you there?")
    heard = bob.hears()
    assert one(Room, heard).room == "@ada"
    assert shown(heard) == [(1, "are you there?")]
    assert bob.says("@ada", "I am").seq == 2
    bob.asks(Leave(room="@ada"))
    ada.says("@bob", "and now?")
    assert shown(bob.hears())[-1] == (3, "and now?")


def test_somebody_registered_can_be_written_to_while_away(office: Office) -> None:
    bob = office.visitor("bob", role="member")
    bob.leaves()
    ada = office.visitor("ada")
    ada.joins("@bob")
    ada.says("@bob", "for tomorrow")
    back = Visitor(office, "bob", session=bob.session)
    [info] = [info for info in one(Rooms, back.asks(AskRooms())).rooms if info.room != "lobby"]
    assert (info.room, info.unread, info.last) == ("@ada", 1, 1)
    assert shown(back.joins("@ada")) == [(1, "for tomorrow")]


def test_nobody_of_that_name_is_no_such_user_and_oneself_is_refused(office: Office) -> None:
    ada = office.visitor("ada")
    assert ada.is_refused(Join(room="@nobody")) == "no_such_user"
    assert ada.is_refused(Join(room="@ada")) == "bad_request"
    assert ada.is_refused(Join(room="@a/b")) == "bad_name"


def test_it_belongs_to_two_identities_and_not_to_names(office: Office) -> None:
    """Who takes a freed name inherits nothing, and the history of the one before has another epoch."""
    ada, bob = office.visitor("ada"), office.visitor("bob")
    epoch = one(Room, ada.joins("@bob")).epoch
    ada.says("@bob", "for the real bob")
    bob.leaves()
    other = office.visitor("bob")
    room = one(Room, other.joins("@ada"))
    assert (room.last, room.epoch == epoch) == (0, False)
    assert b"for the real bob" not in other.all_bytes()
    other.says("@ada", "who am I?")
    again = one(Room, ada.joins("@bob", since=1, epoch=epoch))
    assert again.reset
    other.leaves()
    real = Visitor(office, "bob", session=bob.session)
    assert shown(real.joins("@ada")) == [(1, "for the real bob")]


def test_it_can_be_found_again_by_whoever_has_talked_to_somebody_who_is_gone(office: Office) -> None:
    ada, bob = office.visitor("ada"), office.visitor("bob")
    ada.joins("@bob")
    ada.says("@bob", "hello")
    bob.leaves()
    ada.asks(Leave(room="@bob"))
    assert shown(ada.joins("@bob")) == [(1, "hello")]


def test_of_two_who_had_the_same_name_the_one_talked_with_last_is_found(office: Office) -> None:
    """Also when the clock stood still in between."""
    ada = office.visitor("ada")
    for text in ("to the first", "to the second", "to the third"):
        bob = office.visitor("bob")
        ada.joins("@bob")
        ada.says("@bob", text)
        bob.leaves()
    ada.asks(Leave(room="@bob"))
    assert shown(ada.joins("@bob")) == [(1, "to the third")]


# ----------------------------------------------------------------------------------------------------- whispers


def test_those_it_is_not_for_get_nothing_but_the_number(office: Office) -> None:
    ada, bob, eve = (office.visitor(name, "lobby") for name in ("ada", "bob", "eve"))
    hush(ada, bob, eve)
    whisper = ada.says("lobby", "psst", to=["BOB"])
    assert (whisper.seq, whisper.to) == (1, ["bob"])
    assert one(Message, bob.hears()).to == ["bob"]
    assert eve.hears() == [Skip("lobby", 1)]
    ada.says("lobby", "aloud")
    assert shown(eve.hears()) == [(2, "aloud")]


def test_a_whisper_never_reaches_others_by_replay_history_search_or_a_change(office: Office) -> None:
    ada, bob, eve = (office.visitor(name, "lobby") for name in ("ada", "bob", "eve"))
    ada.says("lobby", "psst secretword", to=["bob"])
    ada.asks(Edit(room="lobby", seq=1, message="psst changedword", id="e"))
    bob.asks(React(room="lobby", seq=1, emoji="👀", on=True))
    ada.asks(Delete(room="lobby", seq=1))
    late = office.visitor("late")
    for outsider in (eve, late):
        outsider.joins("lobby", since=0)
        assert one(History, outsider.asks(AskHistory(room="lobby"))).messages == [Skip("lobby", n) for n in range(1, 5)]
        assert one(Found, outsider.asks(Search(query="secretword"))).messages == []
        assert outsider.is_refused(React(room="lobby", seq=1, emoji="👀", on=True)) == "no_such_message"
        for secret in (b"secretword", b"changedword", "👀".encode()):
            assert secret not in outsider.all_bytes()
    assert [type(event) for event in bob.joins("lobby", since=0) if hasattr(event, "target")] == [
        Deleted, Reacted, Deleted,
    ], "what an edit made of it is gone too"  # fmt: skip


def test_a_whisper_to_nobody_known_is_refused(office: Office) -> None:
    ada = office.visitor("ada", "lobby")
    assert ada.is_refused(Say(id="1", room="lobby", message="x", to=["nobody"])) == "no_such_user"
    assert ada.is_refused(Say(id="1", room="lobby", message="x", to=[])) == "bad_request"
    assert ada.says("lobby", "the id was not used up").seq == 1


def test_a_whisper_said_again_adds_nothing(office: Office) -> None:
    ada, bob = office.visitor("ada", "lobby"), office.visitor("bob", "lobby")
    whisper = Say(id="same", room="lobby", message="psst", to=["bob"])
    assert seqs(ada.asks(whisper)) == seqs(ada.asks(whisper)) == [1]
    assert shown(bob.hears()) == [(1, "psst")]


def test_what_stands_there_is_not_refused_when_those_it_is_for_have_gone(office: Office) -> None:
    """Whoever says it again has not heard yet that it is stored, and would believe that it is not."""
    ada, bob = office.visitor("ada", "lobby"), office.visitor("bob", "lobby")
    answered = ada.says("lobby", "a question").seq
    ada.asks(Say(id="whispered", room="lobby", message="psst", to=["bob"]))
    ada.asks(Say(id="shown once", room="lobby", message="a secret", once=True))
    ada.asks(Say(id="replied", room="lobby", message="an answer", reply_to=answered))
    bob.leaves()
    ada.asks(Delete(room="lobby", seq=answered))
    for id, message, seq, how in (
        ("whispered", "psst", 2, {"to": ["bob"]}),
        ("shown once", "a secret", 3, {"once": True}),
        ("replied", "an answer", 4, {"reply_to": answered}),
    ):
        assert one(Stored, ada.asks(Say(id=id, room="lobby", message=message, **how))).seq == seq
    assert ada.is_refused(Say(id="whispered", room="lobby", message="another", to=["bob"])) == "id_conflict"
    assert ada.is_refused(Say(id="new", room="lobby", message="psst", to=["bob"])) == "no_such_user"


# ---------------------------------------------------------------------------------------------------- view once


def test_view_once_is_replayed_only_to_those_who_have_not_seen_it(office: Office) -> None:
    ada, bob = office.visitor("ada", "lobby"), office.visitor("bob", "lobby")
    office.visitor("eve", "lobby")
    ada.says("lobby", "burn this", once=True, to=["bob"])
    assert one(Message, bob.hears()).once
    assert shown(bob.joins("lobby", since=0)) == [(1, "burn this")]
    assert shown(ada.joins("lobby", since=0)) == [], "its author is none of those it is for"
    bob.asks(Seen(room="lobby", seq=1))
    assert shown(bob.joins("lobby", since=0)) == []


def test_view_once_is_in_no_history_and_no_search(office: Office) -> None:
    ada, bob = office.visitor("ada", "lobby"), office.visitor("bob", "lobby")
    ada.says("lobby", "burn this", once=True)
    for one_of_them in (ada, bob):
        assert one(History, one_of_them.asks(AskHistory(room="lobby"))).messages == [Skip("lobby", 1)]
        assert one(Found, one_of_them.asks(Search(query="burn"))).messages == []


def test_its_text_is_erased_once_each_has_seen_it_and_its_number_stays(office: Office, store: Store) -> None:
    ada, bob, eve = (office.visitor(name, "lobby") for name in ("ada", "bob", "eve"))
    ada.says("lobby", "burn this", once=True)
    record = office.hub.directory.find(ada.member, "lobby").record
    bob.asks(Seen(room="lobby", seq=1))
    assert store.standing(record, 1)
    eve.asks(Seen(room="lobby", seq=1))
    assert store.standing(record, 1) is None
    [tombstone] = one(History, ada.asks(AskHistory(room="lobby"))).messages
    assert (type(tombstone), tombstone.seq, tombstone.target) == (Deleted, 1, 1)


def test_erased_text_is_in_no_file(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "chat.db")) as store:
        office = Office(store)
        ada, bob = office.visitor("ada"), office.visitor("bob")
        ada.joins("@bob")
        ada.says("@bob", "a text that burns", once=True)
        bob.asks(Seen(room="@ada", seq=1))
        for file in tmp_path.iterdir():
            assert b"a text that burns" not in file.read_bytes(), file.name


def test_it_cannot_be_edited_or_reacted_to_and_needs_somebody_to_see_it(office: Office) -> None:
    ada = office.visitor("ada", "lobby")
    assert ada.is_refused(Say(id="1", room="lobby", message="x", once=True)) == "bad_request"
    assert ada.is_refused(Say(id="2", room="lobby", message="x", once=True, to=["ada"])) == "bad_request"
    bob = office.visitor("bob", "lobby")
    ada.says("lobby", "burn this", once=True)
    assert ada.is_refused(Edit(room="lobby", seq=1, message="other")) == "forbidden"
    assert bob.is_refused(React(room="lobby", seq=1, emoji="👀", on=True)) == "forbidden"


# ------------------------------------------------------------------------------------------------------ changes


def test_an_edit_is_told_to_all_and_stands_in_history(office: Office) -> None:
    ada, bob = office.visitor("ada", "lobby"), office.visitor("bob", "lobby")
    ada.says("lobby", "helo")
    hush(bob)
    edited = one(Edited, ada.asks(Edit(id="e1", room="lobby", seq=1, message="hello")))
    assert (edited.seq, edited.target, edited.message, edited.id) == (2, 1, "hello", "e1")
    assert one(Edited, bob.hears()).id is None, "only to who asked is it the answer"
    first, second = one(History, bob.asks(AskHistory(room="lobby"))).messages
    assert (first.message, second.target) == ("hello", 1)
    assert one(Found, bob.asks(Search(query="hello"))).messages[0].seq == 1
    assert one(Found, bob.asks(Search(query="helo"))).messages == []


def test_an_edited_message_said_again_is_still_a_repeat(office: Office) -> None:
    ada = office.visitor("ada", "lobby")
    say = Say(id="same", room="lobby", message="helo")
    ada.asks(say)
    ada.asks(Edit(room="lobby", seq=1, message="hello"))
    assert seqs(ada.asks(say)) == [1]
    assert ada.is_refused(Say(id="same", room="lobby", message="hello")) == "id_conflict"


def test_only_the_author_edits_and_only_author_or_moderator_deletes(office: Office) -> None:
    ada, bob = office.visitor("ada", "lobby"), office.visitor("bob", "lobby")
    mod = office.visitor("mod", "lobby", role="moderator")
    ada.says("lobby", "mine")
    for other in (bob, mod):
        assert other.is_refused(Edit(room="lobby", seq=1, message="theirs")) == "forbidden"
    assert bob.is_refused(Delete(room="lobby", seq=1)) == "forbidden"
    assert one(Deleted, mod.asks(Delete(room="lobby", seq=1))).target == 1
    assert ada.is_refused(Edit(room="lobby", seq=1, message="again")) == "no_such_message"
    assert [act.what for act in office.store.people.acts(9)] == ["delete"]


def test_who_takes_a_freed_name_may_not_edit_what_its_former_holder_wrote(office: Office) -> None:
    ada = office.visitor("ada", "lobby")
    ada.says("lobby", "mine")
    ada.leaves()
    other = office.visitor("ada", "lobby")
    assert other.is_refused(Edit(room="lobby", seq=1, message="mine now")) == "forbidden"
    assert other.is_refused(Delete(room="lobby", seq=1)) == "forbidden"


def test_a_reaction_is_told_to_all_and_taken_back(office: Office) -> None:
    ada, bob = office.visitor("ada", "lobby"), office.visitor("bob", "lobby")
    ada.says("lobby", "done")
    for on in (True, False):
        reacted = one(Reacted, bob.asks(React(room="lobby", seq=1, emoji="👍", on=on)))
        assert (reacted.emoji, reacted.on, reacted.target) == ("👍", on, 1)
    assert [event.on for event in one(History, ada.asks(AskHistory(room="lobby"))).messages[1:]] == [True, False]
    assert bob.is_refused(React(room="lobby", seq=9, emoji="👍", on=True)) == "no_such_message"
    assert bob.is_refused(React(room="lobby", seq=1, emoji="not an emoji", on=True)) == "bad_request"


def test_a_search_finds_the_newest_first_in_what_one_may_read(office: Office) -> None:
    ada, bob = office.visitor("ada", "lobby", "den"), office.visitor("bob", "lobby")
    for room, text in (("lobby", "red apple"), ("den", "green apples"), ("lobby", "red pear")):
        office.clock.now += 1
        ada.says(room, text)
    found = one(Found, bob.asks(Search(query="apple")))
    assert [(message.room, message.message) for message in found.messages] == [
        ("den", "green apples"), ("lobby", "red apple"),
    ]  # fmt: skip
    assert len(one(Found, bob.asks(Search(query="RED", room="lobby"))).messages) == 2
    assert one(Found, bob.asks(Search(query="red", from_="bob"))).messages == []
    limited = one(Found, bob.asks(Search(query="red", limit=1)))
    assert (len(limited.messages), limited.more) == (1, True)
    for harmless in ('"', "* OR x", "NEAR(", "", "room:red"):
        assert not only(Error, bob.asks(Search(query=harmless)))


def test_what_was_stored_stays_said_though_it_could_not_be_said_now(office: Office) -> None:
    """A resend is answered with `stored`, whoever has gone, was silenced or erased meanwhile; nothing else is."""
    ada, bob, mod = office.visitor("ada", "den"), office.visitor("bob", "den"), office.visitor("mod", role="moderator")
    bob.says("den", "a question")
    says = [
        Say(id="1", room="den", message="for all"),
        Say(id="2", room="den", message="an\x07 answer", reply_to=1),
        Say(id="3", room="den", message="for bob", to=["bob"]),
        Say(id="4", room="den", message="for those who are here", once=True),
    ]
    ada.asks(*says)
    mod.asks(Mute(username="ada"))
    bob.asks(Delete(room="den", seq=1))
    bob.leaves()
    assert [(event.id, event.seq) for event in only(Stored, ada.asks(*says))] == [
        ("1", 2),
        ("2", 3),
        ("3", 4),
        ("4", 5),
    ]
    assert ada.is_refused(Say(id="1", room="den", message="something else")) == "id_conflict"
    assert ada.is_refused(Say(id="5", room="den", message="for all")) == "muted"
    mod.asks(Unmute(username="ada"))
    assert ada.is_refused(Say(id="6", room="den", message="for bob", to=["bob"])) == "no_such_user"


# --------------------------------------------------------------------------------- nobody is ever sent a byte

NAMES = ("ada", "bob", "eve")


class Secrets:
    """Unique words, and for each who may be sent it."""

    def __init__(self) -> None:
        self.audience: dict[str, set[str]] = {}

    def new(self, *names: str) -> str:
        word = f"secret{len(self.audience):04}x"
        self.audience[word] = set(names)
        return word


class Talk:
    """What people do, one deed after the other, and what they were sent by connections that are no more."""

    def __init__(self, office: Office, secrets: Secrets) -> None:
        self.office = office
        self.secrets = secrets
        self.people = {name: office.visitor(name, "lobby") for name in NAMES}
        self.sent = dict.fromkeys(NAMES, b"")
        self.whose: dict[int, set[str]] = {}
        """Of each number in the lobby, who may read it."""

    def bytes_for(self, name: str) -> bytes:
        return self.sent[name] + self.people[name].all_bytes()

    def _say(self, actor: str, audience: set[str], **how: Any) -> None:
        word = self.secrets.new(*audience)
        for event in only(Message, self.people[actor].asks(Say(id=word, room="lobby", message=word, **how))):
            self.whose[event.seq] = audience

    def say(self, actor: str, other: str, number: int) -> None:
        self._say(actor, set(NAMES))

    def whisper(self, actor: str, other: str, number: int) -> None:
        self._say(actor, {actor, other}, to=[other])

    def once(self, actor: str, other: str, number: int) -> None:
        self._say(actor, {actor, other}, to=[other], once=True)

    def direct(self, actor: str, other: str, number: int) -> None:
        word = self.secrets.new(actor, other)
        self.people[actor].asks(Join(room=f"@{other}"), Say(id=word, room=f"@{other}", message=word))

    def edit(self, actor: str, other: str, number: int) -> None:
        word = self.secrets.new(*self.whose.get(number, ()))
        self.people[actor].asks(Edit(room="lobby", seq=number, message=word))

    def delete(self, actor: str, other: str, number: int) -> None:
        self.people[actor].asks(Delete(room="lobby", seq=number))

    def react(self, actor: str, other: str, number: int) -> None:
        self.people[actor].asks(React(room="lobby", seq=number, emoji="👍", on=True))

    def search(self, actor: str, other: str, number: int) -> None:
        self.people[actor].asks(*(Search(query=word) for word in [*self.secrets.audience][-number:]))

    def look_back(self, actor: str, other: str, number: int) -> None:
        self.people[actor].asks(AskHistory(room="lobby"), AskHistory(room=f"@{other}"), Who(room=f"@{other}"))

    def rejoin(self, actor: str, other: str, number: int) -> None:
        self.people[actor].asks(Join(room="lobby", since=0), Join(room=f"@{other}", since=0), AskRooms())

    def come_back(self, actor: str, other: str, number: int) -> None:
        self.sent[actor] = self.bytes_for(actor)
        self.people[actor] = Visitor(self.office, actor, session=self.people[actor].session)
        self.people[actor].joins("lobby", since=0)

    def see(self, actor: str, other: str, number: int) -> None:
        self.people[actor].asks(Seen(room="lobby", seq=number), Seen(room=f"@{other}", seq=number))


DEEDS = (
    Talk.say, Talk.whisper, Talk.once, Talk.direct, Talk.edit, Talk.delete, Talk.react, Talk.search, Talk.look_back,
    Talk.rejoin, Talk.come_back, Talk.see,
)  # fmt: skip
WHO = st.sampled_from(NAMES)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    deeds=st.lists(st.tuples(st.sampled_from(DEEDS), WHO, WHO, st.integers(1, 12)), max_size=40),
    kind=st.sampled_from(["memory", "sqlite"]),
)
def test_nobody_is_ever_sent_a_byte_of_what_was_not_for_them(
    deeds: list[tuple[Any, str, str, int]], kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("talk") / "chat.db"
    with closing(MemoryStore() if kind == "memory" else SqliteStore(path, flush=False)) as store:
        secrets = Secrets()
        talk = Talk(Office(store), secrets)
        for deed, actor, other, number in deeds:
            deed(talk, actor, other, number)
        for name in NAMES:
            everything = talk.bytes_for(name)
            for word, audience in secrets.audience.items():
                assert name in audience or word.encode() not in everything, (name, word)
