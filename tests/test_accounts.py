"""Sessions and accounts: PROTOCOL.md, part 6. Each rule has a test of its name."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import argon2
import pytest

from chatroom.errors import Refusal
from chatroom.messages import AskHistory, ChangePassword, Edit, Error, Hello, History, Ok, Operate, Register, Registered
from chatroom.server import accounts as accounts_module
from chatroom.server.accounts import FAILURES, HASHED_AT_ONCE, MOST_WAITING, NOBODYS_SECRET, Accounts, Failures
from chatroom.server.duties import ban_all, give_role
from chatroom.server.store import Store
from chatroom.server.store.memory import MemoryStore
from chatroom.server.store.people import Account
from chatroom.server.store.sqlite import SqliteStore
from tests.support.desks import Office, Visitor
from tests.support.rooms import Aside, at_once, only

PASSWORD, OTHER = "correct horse", "battery staple"


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "chat.db")
    with closing(made) as store:
        yield store


@pytest.fixture
def office(store: Store) -> Office:
    return Office(store)


def code_of(office: Office, username: str, **hello: Any) -> str:
    """Why it may not come in."""
    with pytest.raises(Refusal) as refused:
        Visitor(office, username, **hello)
    return refused.value.code


def test_register_protects_the_name_and_keeps_what_the_guest_said(office: Office) -> None:
    ada = office.visitor("ada", "lobby")
    ada.says("lobby", "mine")
    [registered] = only(Registered, ada.asks(Register(password=PASSWORD, id="r")))
    assert (registered.username, registered.role, registered.id) == ("ada", "member", "r")
    ada.leaves()
    again = Visitor(office, "ADA", password=PASSWORD)
    assert (again.name, again.member.role, again.member.owner) == ("ada", "member", ada.member.owner)
    again.joins("lobby")
    assert not only(Error, again.asks(Edit(room="lobby", seq=1, message="still mine")))


def test_a_registered_name_needs_its_password_or_a_session_opened_with_it(office: Office) -> None:
    ada = office.visitor("ada")
    ada.asks(Register(password=PASSWORD))
    ada.leaves()
    assert code_of(office, "ada") == "name_taken"
    assert code_of(office, "ada", password=OTHER) == "auth_failed"
    assert code_of(office, "bob", session=ada.session) == "auth_failed", "it is ada's"
    assert Visitor(office, "ada", session=ada.session).name == "ada"
    assert Visitor(office, "ada", password=PASSWORD).name == "ada"


def test_a_guest_cannot_take_a_name_that_is_in_use_or_registered_and_gets_a_free_one(office: Office) -> None:
    ada, bob = office.visitor("ada"), office.visitor("bob")
    ada.asks(Register(password=PASSWORD))
    ada.leaves()
    for taken, is_registered in (("Ada", True), ("BOB", False)):
        with pytest.raises(Refusal) as refused:
            Visitor(office, taken)
        assert (refused.value.code, refused.value.registered) == ("name_taken", is_registered)
        assert f"{taken}-2" in refused.value.text
    assert bob.name == "bob"


def test_several_connections_may_share_an_account_and_each_gets_everything(office: Office) -> None:
    ada = office.visitor("ada", "lobby")
    ada.asks(Register(password=PASSWORD))
    again = Visitor(office, "ada", password=PASSWORD)
    greeting = again.joins("lobby")[0]
    assert greeting.members == ["ada"], "one person, however many connections"
    assert ada.hears() == [], "and nobody is told that she came again"
    ada.says("lobby", "hello")
    assert [event.message for event in again.hears()] == ["hello"]
    bob = office.visitor("bob", "lobby")
    again.leaves()
    assert bob.hears() == []
    ada.leaves()
    assert [event.username for event in bob.hears()] == ["ada"]


def test_a_session_is_revoked_by_another_password(office: Office) -> None:
    ada = office.visitor("ada")
    ada.asks(Register(password=PASSWORD))
    other = Visitor(office, "ada", password=PASSWORD)
    assert ada.is_refused(ChangePassword(old=OTHER, new=PASSWORD)) == "auth_failed"
    assert only(Ok, ada.asks(ChangePassword(old=PASSWORD, new=OTHER)))
    assert code_of(office, "ada", session=other.session) == "auth_failed"
    assert Visitor(office, "ada", session=ada.session).name == "ada"
    assert code_of(office, "ada", password=PASSWORD) == "auth_failed"
    assert Visitor(office, "ada", password=OTHER).name == "ada"


@pytest.mark.parametrize("password", ["short", "x" * 257])
def test_a_password_has_a_length(office: Office, password: str) -> None:
    ada = office.visitor("ada")
    assert ada.is_refused(Register(password=password)) == "bad_request"


def test_only_a_hash_of_it_is_stored(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "chat.db")) as store:
        ada = Office(store).visitor("ada")
        ada.asks(Register(password=PASSWORD))
        account = store.people.account("ada")
        assert account
        assert account.secret.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        for file in tmp_path.iterdir():
            assert PASSWORD.encode() not in file.read_bytes()
            assert ada.session.encode() not in file.read_bytes()


def test_with_accounts_closed_nobody_registers_and_with_required_nobody_is_a_guest(store: Store) -> None:
    closed = Office(store, policy="closed")
    ada = closed.visitor("ada")
    assert ada.is_refused(Register(password=PASSWORD)) == "forbidden"
    ada.leaves()
    required = Office(store, policy="required")
    assert code_of(required, "bob") == "auth_required"
    assert code_of(required, "ada", session=ada.session) == "auth_failed", "it was a guest's"
    required.hub.accounts.add("carol", PASSWORD, "member", 0)
    assert Visitor(required, "carol", password=PASSWORD).member.role == "member"


def test_the_office_has_a_password_for_everyone(store: Store) -> None:
    office = Office(store, server_password="open sesame")
    assert code_of(office, "ada") == "server_password"
    assert code_of(office, "ada", server_password="sesame") == "server_password"
    assert Visitor(office, "ada", server_password="open sesame").name == "ada"


def test_an_unknown_name_costs_as_much_as_a_known_one(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.visitor("ada").asks(Register(password=PASSWORD))
    tried: list[str] = []
    fits = accounts_module._fits

    def watched(password: str, secret: str) -> bool:
        tried.append(secret.rsplit("$", 2)[0])
        return fits(password, secret)

    monkeypatch.setattr(accounts_module, "_fits", watched)
    for name in ("ada", "nobody"):
        assert code_of(office, name, password=OTHER) == "auth_failed"
    assert tried == ["$argon2id$v=19$m=19456,t=2,p=1"] * 2


def test_five_failures_from_an_address_in_a_minute_are_slowed_down_before_any_hashing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    office = Office(store, monotonic=lambda: now[0])
    office.visitor("ada").asks(Register(password=PASSWORD))
    for _ in range(FAILURES):
        assert code_of(office, "ada", password=OTHER) == "auth_failed"
    with monkeypatch.context() as watched:
        watched.setattr(accounts_module, "_fits", lambda *_: pytest.fail("it was hashed"))
        assert code_of(office, "ada", password=PASSWORD) == "slow_down"
    assert Visitor(office, "ada", "10.0.0.1", password=PASSWORD).name == "ada", "another address"
    now[0] = 60
    assert Visitor(office, "ada", password=PASSWORD).name == "ada"


def test_of_a_storm_of_guesses_no_more_are_hashed_than_of_a_patient_guesser(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who wait for their turn when the fifth was wrong are not listened to any more."""
    office.hub.accounts.add("ada", PASSWORD, "member", 0)
    hashed = count()
    fits = accounts_module._fits
    monkeypatch.setattr(accounts_module, "_fits", lambda *given: (next(hashed), fits(*given))[1])
    codes: list[str] = []
    at_once(*[lambda: codes.append(code_of(office, "ada", password=OTHER)) for _ in range(20)])
    assert set(codes) == {"auth_failed", "slow_down"}
    assert next(hashed) <= FAILURES + HASHED_AT_ONCE - 1


def test_nobodys_secret_costs_what_everybodys_does() -> None:
    assert argon2.extract_parameters(NOBODYS_SECRET) == argon2.extract_parameters(
        Accounts(MemoryStore().people).hash_password(PASSWORD)
    )


def test_who_has_waited_a_minute_after_five_failures_may_fail_again() -> None:
    now = [0.0]
    failures = Failures(lambda: now[0])
    for now[0] in (0, 15, 30, 45, 59):
        failures.check("10.0.0.1")
        failures.note("10.0.0.1")
    for now[0] in (59, 118.9):
        with pytest.raises(Refusal, match="minute"):
            failures.check("10.0.0.1")
        failures.check("10.0.0.2")
    for now[0] in (119, 119, 119, 119):
        failures.check("10.0.0.1")
        failures.note("10.0.0.1")
    failures.check("10.0.0.1")


def test_five_failures_in_more_than_a_minute_slow_nobody_down() -> None:
    now = [0.0]
    failures = Failures(lambda: now[0])
    for now[0] in range(0, 600, 15):
        failures.check("10.0.0.1")
        failures.note("10.0.0.1")


def test_no_stranger_can_fill_the_table_of_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts_module, "MOST_ADDRESSES", 3)
    failures = Failures(lambda: 0.0)
    for number in range(100):
        failures.note(str(number))
    assert len(failures._times) == 3


def test_only_two_are_hashed_at_once_and_a_storm_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    at_work, most, lock = [0], [0], threading.Lock()
    full, go_on = threading.Event(), threading.Event()

    class SlowHasher:
        def verify(self, secret: str, password: str) -> bool:
            with lock:
                at_work[0] += 1
                most[0] = max(most[0], at_work[0])
                if at_work[0] == HASHED_AT_ONCE:
                    full.set()
            assert go_on.wait(20)
            with lock:
                at_work[0] -= 1
            return True

    monkeypatch.setattr(accounts_module, "_hasher", SlowHasher)
    people = MemoryStore().people
    people.add_account(Account(0, "ada", "ada", "member", "hash", 0))
    office = Accounts(people)
    logins = [
        Aside(office.open_with, "ada", PASSWORD, f"10.0.0.{number}") for number in range(HASHED_AT_ONCE + MOST_WAITING)
    ]
    assert full.wait(20)
    while office._waiting._value:
        threading.Event().wait(0.001)
    for call in (lambda: office.open_with("ada", PASSWORD, "10.0.1.1"), lambda: office.hash_password(PASSWORD)):
        with pytest.raises(Refusal) as refused:
            call()
        assert refused.value.code == "slow_down"
    go_on.set()
    for login in logins:
        login.finish()
    assert most[0] == HASHED_AT_ONCE


class Meanwhile(Accounts):
    """Something happens while a password is judged."""

    happens: Callable[[], object] = staticmethod(lambda: None)

    def open_with(self, name: str, password: str, address: str) -> Account:
        account = super().open_with(name, password, address)
        self.happens()
        return account


@pytest.mark.parametrize("what", ["password", "removal", "ban", "role"])
def test_what_changes_while_somebody_comes_in_holds_for_who_comes_in(store: Store, what: str) -> None:
    office = Office(store)
    accounts = office.hub.accounts = Meanwhile(store.people)
    ada = accounts.add("ada", PASSWORD, "moderator", 0)
    happens: dict[str, Callable[[], object]] = {
        "password": lambda: accounts.reset(ada.owner, OTHER),
        "removal": lambda: accounts.remove(ada.owner),
        "ban": lambda: ban_all(office.hub, "boss", "ada", None, None, ""),
        "role": lambda: give_role(office.hub, "boss", ada.owner, "ada", "member"),
    }
    accounts.happens = happens[what]
    if what == "role":
        assert Visitor(office, "ada", password=PASSWORD).member.role == "member"
    else:
        assert code_of(office, "ada", password=PASSWORD) == ("banned" if what == "ban" else "auth_failed")
        assert office.hub.all_members() == []


def test_whoever_came_in_by_the_old_password_is_ended_by_a_new_one(office: Office) -> None:
    ada = office.visitor("ada")
    ada.asks(Register(password=PASSWORD))
    same, other = Visitor(office, "ada", session=ada.session), Visitor(office, "ada", password=PASSWORD)
    ada.asks(ChangePassword(old=PASSWORD, new=OTHER))
    assert (other.last_word().code, other.last_word().fatal) == ("auth_failed", True)
    assert ada.last_word() is same.last_word() is None


def test_a_secret_is_in_no_text_that_shows_an_object(office: Office) -> None:
    ada = office.visitor("ada")
    ada.asks(Register(password=PASSWORD))
    account = office.store.people.account("ada")
    assert account
    assert account.secret not in repr(account)
    assert account.secret not in f"{[account]}"
    for request in (
        Hello(protocol=1, username="ada", password=PASSWORD, server_password=PASSWORD, session=PASSWORD),
        Register(password=PASSWORD),
        ChangePassword(old=PASSWORD, new=PASSWORD),
        Operate(secret=PASSWORD, action="account add", arguments={"password": PASSWORD}),
    ):
        assert PASSWORD not in repr(request)
        assert type(request).__name__ in repr(request)
    assert "protocol=1, username='ada'" in repr(Hello(protocol=1, username="ada"))


def test_a_guests_name_is_free_again_and_its_history_is_not_the_next_ones(office: Office) -> None:
    ada = office.visitor("ada", "lobby")
    ada.says("lobby", "mine")
    ada.leaves()
    other = office.visitor("ada", "lobby")
    assert other.member.owner != ada.member.owner
    assert len(only(History, other.asks(AskHistory(room="lobby")))[0].messages) == 1
