"""The certificate that a server shows: made at its first start, or an office's own; printed, and loaded anew."""

import os
import re
import signal
import ssl
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import chatroom
from chatroom.net.certificate import make_certificate
from chatroom.net.words import as_words, fingerprint
from tests.server.processes import ServerProcess, run
from tests.server.wire_client import WireClient, person, texts_of

posix = pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal, terminal or mode there")

SIGHUP = getattr(signal, "SIGHUP", signal.SIGTERM)  # Windows has none, and no test that sends it


def shown_by(client: WireClient) -> str:
    assert isinstance(client.socket, ssl.SSLSocket)
    return fingerprint(client.socket.getpeercert(binary_form=True) or b"")


def test_the_command_prints_the_fingerprint_as_words_and_as_digits(tmp_path: Path) -> None:
    shown = []
    for _ in range(2):
        with ServerProcess("--data", str(tmp_path)) as server:
            digits = re.search(r"\b[0-9a-f]{64}$", server.stdout.wait_for("SHA-256"))
            assert digits
            assert server.stdout.wait_for(f"^    {as_words(digits[0])}$")
            assert "Listening" in server.stdout.lines[0]
            with WireClient(server.port, tls=True) as client:
                assert shown_by(client) == digits[0]
            shown.append(digits[0])
    assert shown[0] == shown[1], "it is kept in the data folder"


@posix
def test_the_key_in_the_data_folder_is_for_the_user_alone(tmp_path: Path) -> None:
    with chatroom.Server(port=0, data=tmp_path):
        assert stat.S_IMODE((tmp_path / "server.key").stat().st_mode) == 0o600


def test_without_data_a_certificate_is_made_for_the_first_who_asks_and_lasts_as_long_as_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folders: list[Path] = []

    def make_and_note(folder: Path) -> tuple[Path, Path]:
        folders.append(folder)
        return make_certificate(folder)

    monkeypatch.setattr("chatroom.server.encryption.make_certificate", make_and_note)
    with chatroom.Server(port=0) as server:
        person(server.port, "ada").close()
        assert folders == []
        people = [WireClient(server.port, tls=True) for _ in range(3)]
        assert {shown_by(client) for client in people} == {server.fingerprint}
        server.reload_certificate()
        assert len(folders) == 1
        assert not folders[0].exists()


def pair(folder: Path) -> tuple[Path, Path, str]:
    """A certificate and its key, and the fingerprint."""
    key, file = make_certificate(folder)
    return file, key, fingerprint(ssl.PEM_cert_to_DER_cert(file.read_text()))


def put(folder: Path, cert: Path, key: Path) -> str:
    """Another pair in the place of these; its fingerprint."""
    new_cert, new_key, digits = pair(folder)
    for new, old in ((new_cert, cert), (new_key, key)):
        old.write_bytes(new.read_bytes())
    return digits


def test_an_own_certificate_is_shown_also_with_its_key_in_the_same_file(tmp_path: Path) -> None:
    cert, key, digits = pair(tmp_path)
    both = tmp_path / "both.pem"
    both.write_text(key.read_text() + cert.read_text())
    for files in ({"cert": cert, "key": key}, {"cert": str(both)}):
        with chatroom.Server(port=0, **files) as server, WireClient(server.port, tls=True) as client:
            assert shown_by(client) == server.fingerprint == digits


def test_a_certificate_that_is_loaded_anew_is_shown_to_newcomers_and_nobody_is_dropped(tmp_path: Path) -> None:
    cert, key, old = pair(tmp_path / "old")
    with chatroom.Server(port=0, cert=cert, key=key) as server:
        ada, bob = (person(server.port, name, "lobby", tls=True) for name in ("ada", "bob"))
        new = put(tmp_path / "new", cert, key)
        assert shown_by(WireClient(server.port, tls=True)) == old
        server.reload_certificate()
        eve = person(server.port, "eve", "lobby", tls=True)
        assert (shown_by(ada), shown_by(eve), server.fingerprint) == (old, new, new)
        ada.say("lobby", "still here")
        assert texts_of(bob.settled()) == texts_of(eve.settled()) == ["still here"]


def spoil(cert: Path, key: Path, tmp_path: Path) -> None:
    cert.write_text("no certificate\n")


def lose(cert: Path, key: Path, tmp_path: Path) -> None:
    key.unlink()


def mismatch(cert: Path, key: Path, tmp_path: Path) -> None:
    key.write_bytes(pair(tmp_path / "other")[1].read_bytes())


@pytest.mark.parametrize("break_it", [spoil, lose, mismatch])
def test_a_certificate_that_cannot_be_loaded_anew_is_one_sentence_in_the_log_and_the_old_one_stays(
    tmp_path: Path, break_it: Callable[[Path, Path, Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    cert, key, digits = pair(tmp_path / "own")
    with chatroom.Server(port=0, cert=cert, key=key) as server:
        break_it(cert, key, tmp_path)
        server.reload_certificate()
        (record,) = [record for record in caplog.records if record.levelname == "WARNING"]
        assert "the old one stays" in record.getMessage()
        assert "\n" not in record.getMessage()
        with WireClient(server.port, tls=True) as client:
            assert shown_by(client) == digits


@pytest.mark.parametrize("break_it", [spoil, lose, mismatch])
def test_a_server_with_a_certificate_that_cannot_be_used_does_not_start_and_says_why(
    tmp_path: Path, break_it: Callable[[Path, Path, Path], None]
) -> None:
    cert, key, _ = pair(tmp_path / "own")
    break_it(cert, key, tmp_path)
    result = run("--port", "0", "--data", str(tmp_path / "data"), "--cert", str(cert), "--key", str(key))
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert re.fullmatch(r"chatroom-server: [A-Z/].*\.", line)
    assert str(tmp_path) in line


def test_a_key_without_its_certificate_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(chatroom.StartError, match="--cert"):
        chatroom.Server(port=0, key=tmp_path / "key").start()


@posix
def test_sighup_loads_it_anew(tmp_path: Path) -> None:
    cert, key, _ = pair(tmp_path / "old")
    with ServerProcess("--store", "memory:", "--cert", str(cert), "--key", str(key)) as server:
        ada = person(server.port, "ada", "lobby", tls=True)
        new = put(tmp_path / "new", cert, key)
        server.process.send_signal(SIGHUP)
        server.stdout.wait_for(as_words(new))
        with WireClient(server.port, tls=True) as client:
            assert shown_by(client) == new
        spoil(cert, key, tmp_path)
        server.process.send_signal(SIGHUP)
        server.stdout.wait_for("the old one stays")
        assert ada.ask("ping")["type"] == "pong"


@posix
def test_sighup_still_ends_a_server_whose_terminal_is_gone(tmp_path: Path) -> None:
    if sys.platform == "win32":
        return
    import pty

    master, terminal = pty.openpty()
    with ServerProcess("--data", str(tmp_path), stdin=terminal) as server:
        server.process.send_signal(SIGHUP)
        server.stdout.wait_for("loaded anew")
        os.close(terminal)
        os.close(master)
        assert server.stop(SIGHUP) == 0
