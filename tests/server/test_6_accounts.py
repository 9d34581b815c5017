"""PROTOCOL part 6, accounts, as strangers see it: a server of its own, for its wrong passwords slow everybody down."""

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.server.processes import ServerProcess
from tests.server.test_5_delivery import together
from tests.server.test_roles import PASSWORD, prepared
from tests.server.wire_client import Event, WireClient, fresh, texts_of

OTHER, WRONG = "another horse battery", "wrong horse battery"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def office(data: Path) -> Iterator[ServerProcess]:
    with ServerProcess("--data", str(data), "--rate", "off") as process:
        yield process


def registered(office: ServerProcess, name: str = "ada", password: str = PASSWORD) -> WireClient:
    client = WireClient(office.port)
    client.hello(name)
    assert client.ask("register", password=password)["type"] == "registered"
    return client


def came_in(office: ServerProcess, name: str, **hello: object) -> WireClient:
    client = WireClient(office.port)
    client.hello(name, **hello)
    return client


def refusal(office: ServerProcess, name: str, **hello: object) -> Event:
    """The one fatal error that a hello is answered with."""
    client = WireClient(office.port)
    client.send("hello", protocol=1, username=name, **hello)
    [error] = client.rest()
    assert (error["type"], error["fatal"]) == ("error", True)
    return error


def test_a_registered_name_is_opened_by_its_password_or_a_session_and_by_nothing_else(office: ServerProcess) -> None:
    ada = registered(office)
    ada.close()
    taken = refusal(office, "ADA")
    assert (taken["code"], taken["registered"]) == ("name_taken", True)
    assert "ADA-2" in taken["text"]
    assert refusal(office, "ada", password=WRONG)["code"] == "auth_failed"
    assert refusal(office, "ada-2", session=ada.session)["code"] == "auth_failed"
    assert came_in(office, "ADA", password=PASSWORD).username == "ada"
    assert came_in(office, "ada", session=ada.session).session == ada.session


def test_whether_a_name_is_registered_is_not_told_by_a_wrong_password(office: ServerProcess) -> None:
    registered(office).close()
    known, unknown = (refusal(office, name, password=WRONG) for name in ("ada", "bob"))
    assert known["code"] == unknown["code"] == "auth_failed"
    assert known["text"].replace("ada", "bob") == unknown["text"]


def test_an_account_has_its_role_and_its_history_after_a_restart(data: Path) -> None:
    with ServerProcess("--data", str(data)) as office:
        ada = registered(office)
        ada.join("lobby")
        said = ada.say("lobby", "mine", "the id")
    with ServerProcess("--data", str(data)) as office:
        again = WireClient(office.port)
        assert again.hello("ada", password=PASSWORD)["role"] == "member"
        assert texts_of(again.join("lobby")) == ["mine"]
        assert again.say("lobby", "mine", "the id")["type"] == "stored"
        assert again.ask("edit", room="lobby", seq=said["seq"], message="still mine")["type"] == "edited"


def test_several_connections_share_an_account_and_each_gets_everything(office: ServerProcess) -> None:
    ada = registered(office)
    ada.join("lobby")
    again, bob = came_in(office, "ada", password=PASSWORD), came_in(office, "bob")
    for client in (again, bob):
        client.join("lobby")
    assert bob.ask("who", room="lobby")["members"] == ["ada", "bob"]
    bob.say("lobby", "hello")
    ada.say("lobby", "hello bob")
    assert texts_of(ada.settled() + again.settled())[-2:] == ["hello", "hello bob"]
    again.close()
    assert ada.say("lobby", "I am still here")["type"] == "message"


def test_another_password_ends_every_other_session(office: ServerProcess) -> None:
    ada = registered(office)
    other = came_in(office, "ada", password=PASSWORD)
    assert ada.ask("password", old=WRONG, new=OTHER)["code"] == "auth_failed"
    assert ada.ask("password", old=PASSWORD, new="short")["code"] == "bad_request"
    assert ada.ask("password", old=PASSWORD, new=OTHER)["type"] == "ok"
    assert other.rest()[-1]["code"] == "auth_failed"
    assert refusal(office, "ada", session=other.session)["code"] == "auth_failed"
    assert refusal(office, "ada", password=PASSWORD)["code"] == "auth_failed"
    assert came_in(office, "ada", session=ada.session).username == "ada"
    assert came_in(office, "ada", password=OTHER).username == "ada"


def test_after_five_wrong_passwords_the_address_is_slowed_down_and_who_is_in_is_not(office: ServerProcess) -> None:
    ada = registered(office)
    ada.join("lobby")
    for number in range(5):
        assert refusal(office, f"guess{number}", password=WRONG)["code"] == "auth_failed"
    assert refusal(office, "ada", password=PASSWORD)["code"] == "slow_down"
    assert ada.ask("password", old=PASSWORD, new=OTHER)["code"] == "slow_down"
    assert came_in(office, "ada", session=ada.session).username == "ada", "nothing is hashed for a session"
    assert came_in(office, "guest").username == "guest"
    assert ada.say("lobby", "hello")["type"] == "message"


def test_a_guest_has_no_password_to_change_and_an_account_registers_once(office: ServerProcess) -> None:
    assert came_in(office, "bob").ask("password", old=PASSWORD, new=OTHER)["code"] == "forbidden"
    assert registered(office).ask("register", password=OTHER)["code"] == "bad_request"
    assert came_in(office, "ada", password=PASSWORD).username == "ada"


@pytest.mark.parametrize("password", ["", "x" * 7, "x" * 257, "x" * 60_000], ids=len)
def test_a_password_has_8_to_256_characters(office: ServerProcess, password: str) -> None:
    assert came_in(office, "ada").ask("register", password=password)["code"] == "bad_request"
    assert refusal(office, "bob", password=password)["code"] == "auth_failed"


def test_a_storm_of_logins_is_answered_each_and_disturbs_nobody(office: ServerProcess) -> None:
    """Everybody comes at once after an outage: who is not let in is asked to come back."""
    ada = registered(office)
    ada.join("lobby")
    codes: list[str] = []
    clients = [WireClient(office.port) for _ in range(60)]

    def come_in(client: WireClient) -> None:
        client.send("hello", protocol=1, username="ada", password=PASSWORD)
        answer = client.receive(patience=60)
        codes.append(str(answer.get("code", answer["type"])))

    storm = threading.Thread(target=lambda: together(*(partial(come_in, client) for client in clients)))
    storm.start()
    for number in range(20):
        assert ada.say("lobby", f"calm {number}")["type"] == "message"
    storm.join()
    assert set(codes) <= {"welcome", "slow_down"}
    assert (len(codes), codes.count("welcome") > 2) == (60, True)


def test_no_password_lies_in_the_files_or_in_the_log(data: Path) -> None:
    with ServerProcess("--data", str(data), "--log-level", "debug") as office:
        ada = registered(office)
        refusal(office, "ada", password=WRONG)
        ada.ask("password", old=PASSWORD, new=OTHER)
        ada.send_bytes(b"\0\0\0\x05what?")
        ada.rest()
        log = "\n".join(office.stdout.lines)
    files = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
    assert b"$argon2id$v=19$m=19456,t=2,p=1$" in files
    for secret in (PASSWORD, OTHER, WRONG, ada.session):
        assert secret not in log
        assert secret.encode() not in files


def test_roles_bans_and_mutes_outlive_a_restart_and_a_role_is_in_the_welcome(data: Path) -> None:
    prepared(data, boss="admin", mod="moderator", bob="member")
    with ServerProcess("--data", str(data)) as office:
        boss = WireClient(office.port)
        assert boss.hello("boss", password=PASSWORD)["role"] == "admin"
        assert boss.ask("role", username="bob", role="moderator")["type"] == "ok"
        assert boss.ask("ban", username="eve", reason="spam")["type"] == "ok"
        assert boss.ask("mute", username="mod")["type"] == "ok"
    with ServerProcess("--data", str(data)) as office:
        bob, mod = WireClient(office.port), came_in(office, "mod", password=PASSWORD)
        assert bob.hello("bob", password=PASSWORD)["role"] == "moderator"
        assert "spam" in refusal(office, "EVE")["text"]
        mod.join("lobby")
        assert mod.say("lobby", "hello")["code"] == "muted"
        assert bob.ask("unmute", username="mod")["code"] == "forbidden", "they are of one rank"
        assert bob.ask("ban", username=fresh("nobody"), seconds=1)["type"] == "ok"
