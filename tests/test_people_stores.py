"""What every store of people promises; each of them is put to the same tests."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chatroom.messages import Role
from chatroom.server.store import Reader, Store
from chatroom.server.store.memory import MemoryStore
from chatroom.server.store.people import Account, Act, Ban, Mute, People
from chatroom.server.store.sqlite import SqliteStore
from tests.support.rooms import at_once

A, B, C = b"A" * 32, b"B" * 32, b"C" * 32
"""Hashes of tokens."""
FOREVER = 0


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "chat.db", flush=False)
    with closing(made) as store:
        yield store


@pytest.fixture
def people(store: Store) -> People:
    return store.people


def account(username: str, owner: int = 0, role: Role = "member") -> Account:
    return Account(owner, username, username.casefold(), role, f"secret of {username}", 7)


def added(people: People, username: str, owner: int = 0, role: Role = "member") -> Account:
    new = people.add_account(account(username, owner, role))
    assert new
    return new


# Sessions


def test_an_owner_comes_back_with_each_of_its_tokens(people: People) -> None:
    ada, bob = people.add_guest("ada", A, 1), people.add_guest("bob", B, 1)
    people.add_session(ada, C, 2)
    assert ada != bob
    assert [people.owner_of(token, 3) for token in (A, B, C)] == [ada, bob, ada]


def test_an_unknown_token_belongs_to_nobody(people: People) -> None:
    people.add_guest("ada", A, 1)
    assert people.owner_of(b"a" * 32, 2) is None
    assert people.owner_of(b"", 2) is None


def test_an_owner_is_called_as_it_was_called_last(people: People) -> None:
    ada = people.add_guest("ada", A, 1)
    assert people.name_of(ada) == "ada"
    people.rename(ada, "Ada L")
    assert people.name_of(ada) == "Ada L"
    assert people.name_of(ada + 1) == ""


def test_sessions_end_once_they_are_unused_for_too_long(people: People) -> None:
    idle, active, here = (people.add_guest(name, token, 100) for name, token in (("i", A), ("a", B), ("h", C)))
    people.forget_sessions(100)
    assert people.owner_of(B, 200) == active, "used at that time, not before"
    people.touch_sessions([here], 200)
    people.forget_sessions(150)
    assert [people.owner_of(token, 300) for token in (A, B, C)] == [None, active, here]
    assert people.add_guest("i", A, 300) != idle, "who takes a freed name is somebody else"


def test_an_owners_sessions_are_revoked_but_for_one(people: People) -> None:
    ada, bob = people.add_guest("ada", A, 1), people.add_guest("bob", B, 1)
    people.add_session(ada, C, 1)
    people.revoke_sessions(ada, but=C)
    assert [people.owner_of(token, 2) for token in (A, B, C)] == [None, bob, ada]
    people.revoke_sessions(ada)
    assert [people.owner_of(token, 2) for token in (A, B, C)] == [None, bob, None]


def test_read_positions_go_with_the_last_session_but_stay_with_an_account(store: Store, people: People) -> None:
    lobby = store.add_room("lobby", "lobby")
    guest, member = people.add_guest("guest", A, 1), people.add_guest("member", B, 1)
    added(people, "member", member)
    store.keep_seen({Reader(guest, lobby): 7, Reader(member, lobby): 8})
    people.forget_sessions(2)
    assert [store.seen(Reader(owner, lobby)) for owner in (guest, member)] == [0, 8]


# Accounts


def test_a_guest_becomes_an_account_and_stays_the_same_owner(people: People) -> None:
    ada = people.add_guest("Ada", A, 1)
    assert people.add_account(account("Ada", ada)) == account("Ada", ada)
    assert people.account("ada") == people.account_of(ada) == account("Ada", ada)
    assert people.owner_of(A, 2) == ada


def test_an_account_without_an_owner_gets_a_new_one(people: People) -> None:
    guest = people.add_guest("guest", A, 1)
    ada, bob = added(people, "Ada"), added(people, "bob")
    assert len({guest, ada.owner, bob.owner, 0}) == 4
    assert people.name_of(ada.owner) == "Ada"


def test_a_name_is_registered_once(people: People) -> None:
    ada = added(people, "Ada")
    guest = people.add_guest("ada", A, 1)
    assert people.add_account(account("ADA")) is None
    assert people.add_account(account("ada", guest)) is None
    assert people.account_of(guest) is None
    assert people.accounts() == [ada]


def test_an_owner_has_one_account(people: People) -> None:
    ada = people.add_guest("ada", A, 1)
    added(people, "ada", ada)
    assert people.add_account(account("other", ada)) is None
    assert people.account("other") is None


def test_of_those_who_register_one_name_at_once_one_has_it(people: People) -> None:
    owners = [people.add_guest("ada", bytes([number]) * 32, 1) for number in range(8)]
    got: list[Account | None] = []
    at_once(*[lambda owner=owner: got.append(people.add_account(account("ada", owner))) for owner in owners])
    assert [winner for winner in got if winner] == people.accounts()
    assert len(people.accounts()) == 1


def test_accounts_are_listed_by_name(people: People) -> None:
    assert people.accounts() == []
    for name in ("Zoe", "ada", "Bob"):
        added(people, name)
    assert [account.username for account in people.accounts()] == ["ada", "Bob", "Zoe"]


def test_an_account_gets_another_secret_and_another_role_and_no_other_account_does(people: People) -> None:
    ada, bob = added(people, "ada"), added(people, "bob")
    people.set_secret(ada.owner, "new")
    people.set_role(ada.owner, "admin")
    assert people.account("ada") == ada._replace(secret="new", role="admin")
    assert people.account("bob") == bob


def test_what_is_set_of_no_account_makes_none(people: People) -> None:
    ada = people.add_guest("ada", A, 1)
    people.set_secret(ada, "new")
    people.set_role(ada, "admin")
    people.remove_account(ada)
    assert people.accounts() == []


def test_a_removed_account_goes_with_its_sessions_and_its_name_is_free_for_somebody_else(people: People) -> None:
    ada = added(people, "ada")
    people.add_session(ada.owner, A, 1)
    people.add_guest("bob", B, 1)
    people.remove_account(ada.owner)
    assert people.account("ada") is people.account_of(ada.owner) is None
    assert people.owner_of(A, 2) is None
    assert people.owner_of(B, 2)
    assert added(people, "ada").owner != ada.owner


# Bans and mutes


def ban(what: str, *, until: int = FOREVER, time: int = 0, reason: str = "") -> Ban:
    return Ban(what, what[0].isdigit(), until, reason, "mod", time)


def test_bans_that_hold_are_listed_the_newest_first(people: People) -> None:
    old, new, over = ban("ada", time=1), ban("10.0.0.9", time=3, until=50), ban("bob", time=2, until=20)
    for each in (old, new, over):
        people.add_ban(each)
    assert people.bans(19) == [new, over, old]
    assert people.bans(20) == [new, old]
    assert people.bans(50) == [old]


def test_a_ban_takes_the_place_of_an_older_one(people: People) -> None:
    people.add_ban(ban("ada", reason="one"))
    people.add_ban(ban("ada", reason="other", until=9))
    assert people.bans(0) == [ban("ada", reason="other", until=9)]


def test_a_ban_is_lifted_once(people: People) -> None:
    people.add_ban(ban("ada"))
    people.add_ban(ban("bob"))
    assert [people.remove_ban("ada"), people.remove_ban("ada")] == [True, False]
    assert people.bans(0) == [ban("bob")]


def test_a_mute_is_in_one_room_or_in_all_and_ends(people: People) -> None:
    everywhere, here, other = Mute(1, 0, FOREVER), Mute(1, 7, 20), Mute(2, 7, 30)
    for each in (everywhere, here, other):
        people.add_mute(each)
    assert set(people.mutes(19)) == {everywhere, here, other}
    assert set(people.mutes(20)) == {everywhere, other}
    people.add_mute(Mute(2, 7, FOREVER))
    assert set(people.mutes(40)) == {everywhere, Mute(2, 7, FOREVER)}
    assert [people.remove_mute(1, 0), people.remove_mute(1, 0), people.remove_mute(9, 9)] == [True, False, False]
    assert people.mutes(40) == [Mute(2, 7, FOREVER)]


# The log


def test_the_log_has_every_act_the_newest_first(people: People) -> None:
    acts = [Act(5, "mod", "kick", f"user{number}", "") for number in range(5)]
    for act in acts:
        people.note(act)
    assert people.acts(3) == acts[:1:-1]
    assert people.acts(100) == acts[::-1]
    assert people.acts(0) == []


def test_all_of_it_is_there_after_a_restart(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "chat.db")) as store:
        ada = added(store.people, "Ada", role="moderator")
        store.people.add_session(ada.owner, A, 1)
        store.people.rename(ada.owner, "Ada")
        store.people.add_ban(ban("bob", reason="spam"))
        store.people.add_mute(Mute(ada.owner, 0, 99))
        store.people.note(Act(5, "Ada", "ban", "bob", "spam"))
    with closing(SqliteStore(tmp_path / "chat.db")) as store:
        people = store.people
        assert people.accounts() == [ada]
        assert people.owner_of(A, 2) == ada.owner
        assert people.name_of(ada.owner) == "Ada"
        assert people.bans(0) == [ban("bob", reason="spam")]
        assert people.mutes(0) == [Mute(ada.owner, 0, 99)]
        assert people.acts(9) == [Act(5, "Ada", "ban", "bob", "spam")]
