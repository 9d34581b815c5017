"""`chatroom-admin`, on a server that runs and on its files: the same commands, the same answers."""

import io
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatroom import ChatError, Client, Server
from chatroom.server import admin
from chatroom.server.operating import FILE, access_in

TIMEOUT = 20.0


class Admin:
    """The command, with what it printed."""

    def __init__(self, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._data = data
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def does(self, *words: str, types: str = "") -> str:
        code, out, err = self._run(words, types)
        assert (code, err) == (0, "")
        return out

    def is_refused(self, *words: str) -> str:
        code, out, err = self._run(words, "")
        assert (code, out) == (1, "")
        assert len(err.splitlines()) == 1, "one plain sentence"
        return err

    def _run(self, words: tuple[str, ...], types: str) -> tuple[int, str, str]:
        self._monkeypatch.setattr("sys.stdin", io.StringIO(types))
        self._capsys.readouterr()
        code = admin.main(["--data", str(self._data), *words])
        return code, *self._capsys.readouterr()


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Admin:
    return Admin(tmp_path, capsys, monkeypatch)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(port=0, data=tmp_path) as server:
        yield server


def test_it_looks_after_accounts_and_bans_of_a_server_that_runs(server: Server, run: Admin, tmp_path: Path) -> None:
    assert "ada is registered, as admin" in run.does("account", "add", "ada", "--role", "admin", types="pass-word\n")
    assert "admin" in run.does("account", "list")
    with Client(port=server.port, username="ada", password="pass-word", data=tmp_path / "ada") as ada:
        assert ada.role == "admin"
    run.does("ban", "mallory", "--for", "2d", "--reason", "spam")
    assert "mallory" in run.does("bans")
    with pytest.raises(Exception, match="spam"):
        Client(port=server.port, username="Mallory", data=tmp_path / "m").start()
    run.does("unban", "mallory")
    assert run.does("bans") == ""
    assert "the operator: unban mallory" in run.does("audit").splitlines()[0]
    assert "Nobody has registered" in run.is_refused("account", "role", "nobody", "member")


def test_a_guest_who_has_the_name_of_a_new_account_speaks_under_it_no_more(
    server: Server, run: Admin, tmp_path: Path
) -> None:
    with Client(port=server.port, username="Ada", data=tmp_path / "guest") as guest:
        guest.join("lobby").result(TIMEOUT)
        run.does("account", "add", "ada", types="pass-word\n")
        with pytest.raises(ChatError, match="registered"):
            guest.say("lobby", "it is me").result(TIMEOUT)
    with Client(port=server.port, username="ada", password="pass-word", data=tmp_path / "ada") as ada:
        ada.join("lobby").result(TIMEOUT)
        assert ada.history("lobby").result(TIMEOUT).said() == []


def test_the_same_works_on_the_files(run: Admin) -> None:
    run.does("account", "add", "ada", types="pass-word\n")
    assert "ada is moderator" in run.does("account", "role", "ada", "moderator")
    assert "ada" in run.does("account", "list")
    run.does("account", "remove", "ada")
    assert run.does("account", "list") == ""


def test_a_password_is_never_taken_from_the_arguments(run: Admin) -> None:
    with pytest.raises(SystemExit):
        admin.main(["account", "add", "ada", "pass-word"])


def test_a_backup_is_made_while_people_chat_and_put_back_with_new_epochs(
    server: Server, run: Admin, tmp_path: Path
) -> None:
    with Client(port=server.port, username="ada", data=tmp_path / "ada") as ada:
        epoch = ada.join("lobby").result(TIMEOUT).epoch
        ada.say("lobby", "before <b>").result(TIMEOUT)
        file = tmp_path / "backup.db"
        run.does("backup", str(file))
        ada.say("lobby", "after").result(TIMEOUT)
        assert "there already" in run.is_refused("backup", str(file))
        assert "1 messages" in run.does("verify", str(file))
        assert "using" in run.is_refused("restore", str(file))
        assert "before &lt;b&gt;" in run.does("export", "--room", "lobby", "--format", "html")
    server.close()
    run.does("restore", str(file))
    with Server(port=0, data=tmp_path) as again, Client(port=again.port, username="bob", data=tmp_path / "b") as bob:
        assert bob.join("lobby").result(TIMEOUT).epoch != epoch
        assert [said.message for said in bob.history("lobby").result(TIMEOUT).said()] == ["before <b>"]


def test_what_is_damaged_or_foreign_is_no_backup(run: Admin, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE x (y)")
    db.close()
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"x" * 5_000)
    for file in (foreign, garbage, tmp_path / "missing.db"):
        run.is_refused("verify", str(file))
        run.is_refused("restore", str(file))


def test_the_operators_secret_is_for_its_owner_alone_and_gone_with_the_server(server: Server, tmp_path: Path) -> None:
    file = tmp_path / FILE
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    access = access_in(tmp_path)
    assert access
    with pytest.raises(Exception, match="secret"):
        admin._ask(access.__class__(access.host, access.port, "guessed"), "account list", {})
    server.close()
    assert not file.exists()


def test_one_room_keeps_its_history_for_another_time(server: Server, run: Admin) -> None:
    assert "30 days" in run.does("keep", "lobby", "30d")
    assert "for ever" in run.does("keep", "lobby", "forever")
    assert "as the server says" in run.does("keep", "lobby", "default")
    assert "no room" in run.is_refused("keep", "attic", "1d")


def test_a_damaged_store_is_replaced_by_a_backup_and_kept(run: Admin, tmp_path: Path) -> None:
    run.does("account", "add", "ada", types="pass-word\n")
    file, store = tmp_path / "backup.db", tmp_path / "chatroom.db"
    run.does("backup", str(file))
    store.write_bytes(b"x" * 5_000)
    assert "ada" not in run.is_refused("account", "list")
    assert "before" in run.does("restore", str(file))
    assert "ada" in run.does("account", "list")
    assert [kept.read_bytes()[:1] for kept in tmp_path.glob("chatroom.db.before-*")] == [b"x"]


def test_verifying_leaves_nothing_beside_the_file(run: Admin, tmp_path: Path) -> None:
    run.does("account", "add", "ada", types="pass-word\n")
    (folder := tmp_path / "backups").mkdir()
    run.does("backup", str(folder / "b.db"))
    run.does("verify", str(folder / "b.db"))
    assert [path.name for path in folder.iterdir()] == ["b.db"]


def test_a_time_that_is_too_long_is_refused(run: Admin) -> None:
    assert "hundred years" in run.is_refused("ban", "mallory", "--for", "999999w")
