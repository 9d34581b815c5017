"""Certificates: pinned at first use, and whatever is wrong later stops the client by a sentence and a code of its own.

The command is run as a user runs it; what nobody would wait for is shown within this process.
"""

import errno
import json
import os
import re
import shlex
import socket
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from chatroom import Server
from chatroom.claims import claim
from chatroom.client import exits, line, trust
from chatroom.client.events import Ended, Offline, Online
from chatroom.client.session import Client
from chatroom.client.trust import FILE, Trust
from chatroom.errors import (
    CertificateChanged,
    CertificateExpired,
    ConnectionFailed,
    Downgrade,
    Untrusted,
)
from chatroom.messages import Error, Notice
from chatroom.net.words import as_words
from chatroom.wire import native
from tests.client.certificates import Certificate, certificate
from tests.client.conftest import Enter
from tests.client.peers import TIMEOUT, Ear, acquaint, in_lobby
from tests.client.screens import COMMAND, ENTER, PATIENCE, Terminal, environment, state
from tests.client.strangers import Chatroom, Serve, hangs_up, listens, peer, says, sealed

pytestmark = pytest.mark.usefixtures("no_thread_is_left")

HTTP = says(b"HTTP/1.1 400 Bad Request\r\n\r\n")


class Done(NamedTuple):
    code: int
    out: str
    err: str


class Shell:
    """Runs the command at a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.known_servers = state(home) / FILE

    def __call__(self, *arguments: str, **variables: str) -> Done:
        done = subprocess.run(
            [*COMMAND, *arguments], input="", capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False,
            env=environment(self.home, LOGNAME="ci", **variables),
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def send(self, port: int, *arguments: str, **variables: str) -> Done:
        return self("--port", str(port), "--send", "lobby", "hello", *arguments, **variables)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "home")


@pytest.fixture
def own(tmp_path: Path) -> Certificate:
    return certificate(tmp_path)


@pytest.fixture
def other(tmp_path: Path) -> Certificate:
    (tmp_path / "other").mkdir()
    return certificate(tmp_path / "other")


class Turncoat:
    """Meets each caller as it is told to at the time."""

    def __init__(self, serve: Serve) -> None:
        self.serve = serve

    def __call__(self, sock: socket.socket) -> None:
        self.serve(sock)


@contextmanager
def turned(before: Certificate, after: Serve, shell: Shell) -> Iterator[int]:
    """The port of a server that is known to have this certificate, and is this one now."""
    turncoat = Turncoat(sealed(before.context(), listens))
    with peer(turncoat) as port:
        acquaint(state(shell.home), port)
        turncoat.serve = after
        yield port


# ---------------------------------------------------------------------------------------------------- the first use


def test_the_first_use_pins_and_tells_the_words_and_the_second_is_silent(server: Server, shell: Shell) -> None:
    first, second = shell.send(server.port), shell.send(server.port)
    (entry,) = map(json.loads, shell.known_servers.read_text().splitlines())
    words = as_words(entry["fingerprint"])
    assert first == (0, "", f"[*] First time here; the server's fingerprint is: {words}\n")
    assert second == (0, "", "")
    assert (entry["host"], entry["port"]) == ("127.0.0.1", server.port)
    assert datetime.fromisoformat(entry["not_after"]) > datetime.now(UTC)


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such rights")
def test_nobody_else_may_read_or_write_what_is_pinned(server: Server, tmp_path: Path) -> None:
    acquaint(tmp_path / "data", server.port)
    assert stat.S_IMODE((tmp_path / "data" / FILE).stat().st_mode) == 0o600


def test_the_terminal_shows_the_words_at_first_use(server: Server, shell: Shell) -> None:
    for is_first in (True, False):
        with Terminal(shell.home, "--port", str(server.port), "--mute") as ada:
            ada.sees("Enter your name:")
            ada.type(f"ada{ENTER}")
            ada.sees("You are in lobby")
            assert (ada.count("First time here; the server's fingerprint is:") == 1) == is_first
            ada.type(f"q{ENTER}")
            assert ada.ends() == exits.OK


def test_who_is_refused_at_first_use_is_told_the_words_all_the_same(server: Server, shell: Shell, enter: Enter) -> None:
    enter(server.port, "bob").start()
    done = shell.send(server.port, "--name", "bob")
    assert done.code == exits.REFUSED
    assert "First time here" in done.err
    assert shell.send(server.port, "--name", "bob").err.count("\n") == 1


def test_what_is_no_chatroom_is_not_pinned(own: Certificate, shell: Shell) -> None:
    with peer(sealed(own.context(), HTTP)) as port:
        done = shell.send(port)
    assert done.code == exits.PROTOCOL
    assert "is no chatroom server" in done.err
    assert not shell.known_servers.exists()


def test_a_library_user_is_told_and_stopped_by_the_same_errors(server: Server, tmp_path: Path) -> None:
    with Client(port=server.port, username="ada", data=tmp_path) as ada:
        assert isinstance(next(ada.events()), Notice)
    with pytest.raises(CertificateChanged):
        Client(port=server.port, username="ada", data=tmp_path, fingerprint="ab" * 32).start()


# ------------------------------------------------------------------------------------------- what was asked for


def test_the_fingerprint_that_is_given_is_checked_at_first_use(server: Server, shell: Shell, tmp_path: Path) -> None:
    pin = acquaint(tmp_path / "elsewhere", server.port)
    wrong = shell.send(server.port, "--fingerprint", as_words("ab" * 32))
    assert wrong.code == exits.CERTIFICATE
    assert wrong.err == (
        f"chatroom-client: The fingerprint of 127.0.0.1:{server.port} is not the one that you gave: it is {pin.words};"
        " ask whoever runs the server which one it printed when it started, and trust no other.\n"
    )
    assert not shell.known_servers.exists()
    for right in (pin.words, pin.words.upper(), pin.fingerprint):
        assert shell.send(server.port, "--fingerprint", right) == (0, "", "")
    assert shell.send(server.port, CHATROOM_FINGERPRINT=pin.fingerprint) == (0, "", "")
    assert pin.fingerprint in shell.known_servers.read_text()


def test_the_fingerprint_that_is_given_does_not_replace_what_is_pinned(
    own: Certificate, other: Certificate, shell: Shell
) -> None:
    with turned(own, sealed(other.context(), Chatroom()), shell) as port:
        assert shell.send(port, "--fingerprint", other.fingerprint).code == exits.CERTIFICATE
    assert own.fingerprint in shell.known_servers.read_text()


# ------------------------------------------------------------------------------------------------ another certificate


def test_a_wrong_certificate_stops_the_client_and_the_command_that_is_named_accepts_it(
    server: Server, shell: Shell, tmp_path: Path
) -> None:
    port = server.port
    assert shell.send(port).code == 0
    server.close()
    with Server(port=port, rate=0) as another:
        now = acquaint(tmp_path / "elsewhere", port)
        done = shell.send(port)
        sentence = (
            f"chatroom-client: The certificate of 127.0.0.1:{port} is not the one that is known, so that somebody in"
            " between may want to read along, unless the server was set up anew: ask whoever runs it whether its"
            f" fingerprint is now {now.words}; only if so, accept it by `chatroom-client trust --host 127.0.0.1 --port"
            f" {port} --fingerprint {now.fingerprint}`.\n"
        )
        assert done == (exits.CERTIFICATE, "", sentence)
        assert shell.send(port) == done
        command = re.findall("`chatroom-client (.*)`", done.err)[0]
        assert shell(*shlex.split(command)) == (0, f"[+] 127.0.0.1:{port} is trusted from now on.\n", "")
        assert shell.send(another.port) == (0, "", "")


def test_an_impostor_is_told_nothing(own: Certificate, other: Certificate, shell: Shell) -> None:
    impostor = Chatroom()
    with turned(own, sealed(other.context(), impostor), shell) as port:
        assert shell.send(port).code == exits.CERTIFICATE
    assert impostor.asked == []


def test_nobody_is_asked_for_a_name_before_the_certificate_is_known_to_be_wrong(
    own: Certificate, other: Certificate, shell: Shell
) -> None:
    impostor = sealed(other.context(), Chatroom())
    with turned(own, impostor, shell) as port, Terminal(shell.home, "--port", str(port), "--mute") as ada:
        assert ada.ends() == exits.CERTIFICATE
        assert ada.count("Enter your name") == 0
        assert ada.count("is not the one that is known") == 1


def test_trust_accepts_nothing_but_what_was_asked_for(server: Server, shell: Shell) -> None:
    there = ("--port", str(server.port))
    assert shell("trust", *there).code == exits.USAGE
    assert shell("trust", *there, "--fingerprint", "ab" * 32).code == exits.CERTIFICATE
    assert not shell.known_servers.exists()
    assert shell("trust", "--port", "1", "--fingerprint", "ab" * 32).code == exits.UNREACHABLE


def test_a_reconnect_checks_the_certificate_and_does_not_try_again(server: Server, enter: Enter) -> None:
    ada = enter(server.port)
    ear = in_lobby(ada)
    port = server.port
    server.close()
    with Server(port=port, rate=0):
        *_, last = ear.rest()
    assert isinstance(last, Ended)
    assert last.code == CertificateChanged.code
    assert "is not the one that is known" in last.reason
    assert ada.outage is None


def test_a_script_that_is_stopped_at_a_reconnect_ends_with_the_same_code(server: Server, shell: Shell) -> None:
    port = server.port
    with subprocess.Popen(
        [*COMMAND, "--port", str(port), "--listen"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        env=environment(shell.home, LOGNAME="ci"),
    ) as process, ExitStack() as stack:  # fmt: skip
        stack.callback(process.kill)  # one that goes on would be waited for
        assert process.stderr
        while "Connected" not in (told := process.stderr.readline()):
            assert told, "it has ended"
        server.close()
        with Server(port=port):
            assert process.wait(PATIENCE) == exits.CERTIFICATE
        assert "`chatroom-client trust " in process.stderr.read()


# ------------------------------------------------------------------------------------------------------ expired


def test_an_expired_certificate_has_its_own_sentence_and_code(shell: Shell, tmp_path: Path) -> None:
    old = certificate(tmp_path, good_for=-timedelta(days=2))
    ended = datetime.now(UTC) - timedelta(days=2)
    impostor = Chatroom()
    with peer(sealed(old.context(), impostor)) as port:
        for more in ((), ("--fingerprint", old.words)):
            done = shell.send(port, *more)
            assert done.code == exits.EXPIRED
            assert re.fullmatch(
                rf"chatroom-client: The certificate of 127.0.0.1:{port} has expired on {ended:%Y-%m-}\d\d; check this"
                " computer's clock, and ask whoever runs the server for a new certificate.\n",
                done.err,
            )
    assert impostor.asked == []


def test_a_certificate_that_is_known_ends_as_well(own: Certificate, tmp_path: Path) -> None:
    keep(tmp_path, own.der)
    known = Trust(tmp_path, "NAS", 5002)
    pin = known.known()
    assert pin
    end = pin.not_after.timestamp()
    assert known.check(own.der, end - 1) == pin
    with pytest.raises(CertificateExpired):
        known.check(own.der, end)


# --------------------------------------------------------------------------------------------------- the downgrades

PLAIN: list[Serve] = [Chatroom(), HTTP, says(b"\x00" * 99)]


@pytest.mark.parametrize("serve", PLAIN, ids=["a chatroom", "a web server", "zeros"])
def test_a_downgrade_to_plain_is_never_followed(serve: Serve, own: Certificate, shell: Shell) -> None:
    if isinstance(serve, Chatroom):
        serve.asked.clear()
    with turned(own, answers_in_the_open(serve), shell) as port:
        done = shell.send(port)
    sentence = (
        f"chatroom-client: The server at 127.0.0.1:{port} was encrypted before, and is so no more: somebody may be in"
        " between; ask whoever runs it, and use --no-tls only where everybody in the network may read along.\n"
    )
    assert done == (exits.DOWNGRADE, "", sentence)


def answers_in_the_open(serve: Serve) -> Serve:
    """What a server without TLS says to one who begins with it, if it says anything at all."""

    def answer(sock: socket.socket) -> None:
        sock.recv(65_536)
        sock.sendall(native.encode([Error(code="bad_frame", text="What is this?", fatal=True)]))

    return answer if isinstance(serve, Chatroom) else serve


def test_a_downgrade_to_an_old_tls_is_never_followed(own: Certificate, shell: Shell) -> None:
    old = sealed(own.context(ssl.TLSVersion.TLSv1_1), Chatroom())
    with turned(own, old, shell) as port:
        done = shell.send(port)
    assert done.code == exits.DOWNGRADE
    assert "speaks only a TLS that is too old to be safe, which it did not before" in done.err


def test_who_never_spoke_a_safe_tls_is_another_program(own: Certificate, shell: Shell) -> None:
    with peer(sealed(own.context(ssl.TLSVersion.TLSv1_1), Chatroom())) as port:
        done = shell.send(port)
    assert done.code == exits.PROTOCOL
    assert "speaks only a TLS that is too old to be safe, and so is no chatroom server" in done.err


def test_tls_1_2_will_do(own: Certificate, enter: Enter) -> None:
    context = own.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with peer(sealed(context, Chatroom())) as port, enter(port) as ada:
        assert ada.server == "s"


def test_a_downgrade_at_a_reconnect_ends_the_client(own: Certificate, enter: Enter) -> None:
    turncoat = Turncoat(sealed(own.context(), Chatroom()))
    with peer(turncoat) as port, enter(port) as ada:
        ear = Ear(ada)
        turncoat.serve = HTTP
        ada._line.hang_up()
        *_, last = ear.rest()
    assert isinstance(last, Ended)
    assert last.code == Downgrade.code


def test_a_server_that_is_full_may_say_so_in_the_open_and_is_asked_again(own: Certificate, enter: Enter) -> None:
    """As it does before it knows how it is spoken to. That is no downgrade."""
    full = native.encode([Error(code="full", text="No room.", fatal=True)])
    encrypted = sealed(own.context(), Chatroom())
    is_told = threading.Event()

    def refuse(sock: socket.socket) -> None:
        turncoat.serve = encrypted
        is_told.set()
        says(full)(sock)

    turncoat = Turncoat(encrypted)
    with peer(turncoat) as port, enter(port) as ada:
        ear = Ear(ada)
        ear.until_a(Online)
        turncoat.serve = refuse
        ada._line.hang_up()
        ear.until_a(Offline)
        ear.until_a(Online)
        assert is_told.is_set()


# ----------------------------------------------------------------------------------------------- the other side


def test_a_plain_client_at_a_port_for_tls_alone_is_told_to_leave_the_flag_away(shell: Shell) -> None:
    with Server(port=0, rate=0, plain="never") as server:
        done = shell.send(server.port, "--no-tls")
        assert (done.code, done.err.count("\n")) == (exits.TLS_REQUIRED, 1)
        assert done.err.endswith(" Leave --no-tls away.\n")
        assert shell.send(server.port, CHATROOM_TLS="no").err.endswith(" Leave CHATROOM_TLS away.\n")
        assert shell.send(server.port).code == exits.OK


def test_a_plain_client_is_served_where_that_is_allowed(server: Server, shell: Shell) -> None:
    assert shell.send(server.port, "--no-tls") == (0, "", "")
    assert not shell.known_servers.exists()


STRANGERS: list[tuple[str, Serve]] = [
    ("a web server", HTTP),
    ("an SSH server", says(b"SSH-2.0-OpenSSH_9.2\r\n")),
    ("one that hangs up", hangs_up),
]


@pytest.mark.parametrize("serve", [serve for _, serve in STRANGERS], ids=[name for name, _ in STRANGERS])
def test_tls_spoken_to_something_else_is_told(serve: Serve, shell: Shell) -> None:
    with peer(serve) as port:
        done = shell.send(port)
    assert (done.code, done.err.count("\n")) == (exits.PROTOCOL, 1)
    assert f"What answers at 127.0.0.1:{port} is no chatroom server" in done.err


def test_tls_spoken_to_a_silent_server_is_given_up(enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "ENTRY_SECONDS", 0.1)
    with peer(listens) as port, pytest.raises(ConnectionFailed, match="does not answer; check the address") as caught:
        enter(port).start()
    assert exits.of(caught.value) == exits.UNREACHABLE


def test_a_known_server_that_hangs_up_without_a_word_is_not_taken_for_another(own: Certificate, shell: Shell) -> None:
    with turned(own, hangs_up, shell) as port:
        done = shell.send(port)
    assert (done.code, done.err) == (exits.UNREACHABLE, "chatroom-client: The connection to the server was lost.\n")


def test_what_breaks_in_the_middle_is_an_outage(own: Certificate, enter: Enter) -> None:
    """What somebody puts in between is noticed, and not believed."""

    def spoils(sock: socket.socket) -> None:
        turncoat.serve = encrypted
        (hello,) = native.requests().receive(sock.recv(65_536))
        sock.sendall(native.encode(chatroom.answer(hello)))
        os.write(sock.fileno(), b"\x17\x03\x03\x00\x20" + bytes(32))  # past TLS
        listens(sock)

    chatroom = Chatroom()
    encrypted = sealed(own.context(), chatroom)
    turncoat = Turncoat(sealed(own.context(), spoils))
    with peer(turncoat) as port, enter(port) as ada:
        ear = Ear(ada)
        assert ear.until_a(Offline).reason == "The server sent something that makes no sense."
        ear.until_a(Online)


# --------------------------------------------------------------------------------------------------------- the file


def keep(folder: Path, der: bytes, port: int = 5002) -> str:
    """A client meets a server with this certificate. What is told of it."""
    trust = Trust(folder, "nas", port)
    return trust.keep(trust.check(der, 0))


def at_once(count: int, act: Callable[[int], str]) -> list[str]:
    """What this gives in so many threads that begin together."""
    barrier = threading.Barrier(count)
    results: list[str] = [""] * count

    def run(number: int) -> None:
        barrier.wait(TIMEOUT)
        results[number] = act(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    return results


def test_clients_that_pin_at_once_lose_no_entry(own: Certificate, tmp_path: Path) -> None:
    told = at_once(8, lambda number: keep(tmp_path / "data", own.der, 1 + number))
    assert [sentence[:15] for sentence in told] == ["First time here"] * 8
    assert [Trust(tmp_path / "data", "nas", 1 + number).known() is None for number in range(8)] == [False] * 8


def test_of_clients_that_meet_the_same_server_at_once_one_tells_of_it(own: Certificate, tmp_path: Path) -> None:
    told = at_once(8, lambda _: keep(tmp_path / "data", own.der))
    assert sorted(map(bool, told)) == [False] * 7 + [True]


def test_two_processes_at_once_pin_safely(server: Server, shell: Shell) -> None:
    with Server(port=0, rate=0) as another:
        commands = [
            subprocess.Popen(
                [*COMMAND, "--port", str(port), "--name", f"ci{place}", "--send", "lobby", "hello"],
                stderr=subprocess.PIPE, encoding="utf-8", env=environment(shell.home),
            )
            for place, port in enumerate((server.port, another.port) * 2)
        ]  # fmt: skip
        told = [process.communicate(timeout=PATIENCE)[1] for process in commands]
    assert [process.returncode for process in commands] == [0] * 4
    assert sum("First time here" in each for each in told) == 2
    entries = [json.loads(line) for line in shell.known_servers.read_text().splitlines()]
    assert {entry["port"] for entry in entries} == {server.port, another.port}
    assert len(entries) == 2


def test_who_saw_another_certificate_at_the_same_moment_is_stopped(
    own: Certificate, other: Certificate, tmp_path: Path
) -> None:
    late = Trust(tmp_path, "nas", 5002)
    pin = late.check(other.der, 0)
    keep(tmp_path, own.der)
    with pytest.raises(CertificateChanged, match=other.words):
        late.keep(pin)


def test_each_port_and_each_host_has_its_own_certificate(own: Certificate, other: Certificate, tmp_path: Path) -> None:
    keep(tmp_path, own.der, 1)
    keep(tmp_path, other.der, 2)
    assert [keep(tmp_path, own.der, 1), keep(tmp_path, other.der, 2)] == ["", ""]
    assert Trust(tmp_path, "nas2", 1).known() is None


DAMAGED = [
    "x",
    "{}",
    '{"host":"nas","port":5002,"fingerprint":"","not_after":"2036-11-24T07:05:37Z"}',
    f'{{"host":"nas","port":5002,"fingerprint":"{"ab" * 32}","not_after":"2036-11-24T07:05:37"}}',
    f'{{"host":"nas","port":5002,"fingerprint":"{"ab" * 32}"',
]


@pytest.mark.parametrize("line", DAMAGED)
def test_a_damaged_line_is_not_taken_for_none(line: str, own: Certificate, tmp_path: Path) -> None:
    keep(tmp_path, own.der, 1)
    with (tmp_path / FILE).open("a") as file:
        file.write(line)
    with pytest.raises(Untrusted) as caught:
        keep(tmp_path, own.der)
    assert str(caught.value) == f"{tmp_path / FILE}, line 2, cannot be understood; remove that line, or the file."


def test_where_nobody_can_tell_what_is_pinned_nothing_is_said(server: Server, shell: Shell) -> None:
    shell.known_servers.mkdir(parents=True)
    done = shell.send(server.port)
    assert (done.code, done.err.count("\n")) == (exits.UNREACHABLE, 1)
    assert f"{shell.known_servers} cannot be read (" in done.err


def test_what_cannot_be_kept_is_told_with_the_words(own: Certificate, tmp_path: Path) -> None:
    (tmp_path / f"{FILE}.lock").mkdir()
    told = keep(tmp_path, own.der)
    assert f"cannot be kept in {tmp_path / FILE} (" in told
    assert told.endswith(own.words)


def test_who_writes_waits_for_another_but_not_for_ever(
    own: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust, "_LOCK_SECONDS", 0.02)
    with (tmp_path / f"{FILE}.lock").open("ab") as lock:
        assert claim(lock)
        assert os.strerror(errno.EAGAIN) in keep(tmp_path, own.der)
    monkeypatch.setattr(trust, "_LOCK_SECONDS", TIMEOUT)
    assert keep(tmp_path, own.der).startswith("First time here")


def test_a_certificate_that_cannot_be_read_is_not_trusted(tmp_path: Path) -> None:
    with pytest.raises(Untrusted, match="cannot be read; ask whoever runs the server for a new one"):
        keep(tmp_path, b"no certificate")
