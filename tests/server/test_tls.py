"""TLS on the server's one port: by sockets, with Python's own TLS, and OpenSSL's command, at the other end."""

import contextlib
import gc
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

import chatroom
from chatroom.net.tls import TlsLayer
from chatroom.server import server as server_module
from chatroom.server.connection import Connection, Plain
from chatroom.server.limits import HELLO_SECONDS
from tests.server import hostile
from tests.server.processes import wait_until
from tests.server.wire_client import PATIENCE, TRUSTING, WireClient, frame, messages_of, person, texts_of
from tests.support.rooms import Aside

SECONDS = float(os.environ.get("CHATROOM_HAMMER_SECONDS", "1"))
"""So long people hammer a server."""

JSON, HTTP, IRC = b'{"type":"hello"}\n', b"GET / HTTP/1.1\r\n\r\n", b"NICK ada\r\n"


@pytest.fixture
def office() -> Iterator[chatroom.Server]:
    with chatroom.Server(port=0, rate=0) as server:
        yield server


def later(server: chatroom.Server, seconds: float) -> None:
    """What the keeper does then."""
    for connection in list(server._connections):
        connection.check(time.monotonic() + seconds)


# --------------------------------------------------------------------------------------------------------- talking


def test_who_comes_by_tls_and_who_comes_plainly_talk_to_each_other(office: chatroom.Server) -> None:
    ada, bob = person(office.port, "ada", "lobby", tls=True), person(office.port, "bob", "lobby")
    for speaker, listener in ((ada, bob), (bob, ada)):
        for text in ("hello", "x" * 4_000, "Grüße 😀"):
            speaker.say("lobby", text)
            assert texts_of(listener.settled()) == [text]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_3_is_spoken_and_1_2_is_accepted(office: chatroom.Server, version: ssl.TLSVersion) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = version
    with socket.create_connection(("127.0.0.1", office.port), PATIENCE) as sock, context.wrap_socket(sock) as tls:
        assert tls.version() == version.name.replace("v1_", "v1.")
        tls.sendall(frame({"type": "ping"}))
        assert b"pong" in tls.recv(100)


def test_all_may_come_byte_by_byte(office: chatroom.Server) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = TRUSTING.wrap_bio(incoming, outgoing)

    def shake_hands() -> bytes:
        tls.do_handshake()
        return b"done"

    def until_it_is_done(step: Callable[[], bytes], sock: socket.socket) -> bytes:
        while True:
            done = b""
            with contextlib.suppress(ssl.SSLWantReadError):
                done = step()
            for byte in outgoing.read():
                sock.sendall(bytes([byte]))
            if done:
                return done
            incoming.write(sock.recv(1))

    with socket.create_connection(("127.0.0.1", office.port), PATIENCE) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        until_it_is_done(shake_hands, sock)
        tls.write(frame({"type": "ping", "data": "slowly"}))
        assert b"slowly" in until_it_is_done(lambda: tls.read(100), sock)


def test_a_long_history_comes_whole(office: chatroom.Server) -> None:
    ada = person(office.port, "ada", "lobby", tls=True)
    for number in range(200):
        ada.send("say", id=f"m{number}", room="lobby", message=f"{number} " + "x" * 3_900)
    ada.settled()
    page = ada.ask("history", room="lobby", limit=200)
    numbers = [int(message["message"].split()[0]) for message in page["messages"]]
    assert numbers == [*range(200)][-len(numbers) :]
    assert len(numbers) > 100, "a page of half a megabyte"


def test_the_last_word_is_read_and_then_the_end_is_said_as_tls_says_it() -> None:
    with chatroom.Server(port=0) as server:
        ada = person(server.port, "ada", "lobby", tls=True)
    assert ada.rest()[-1]["type"] == "bye"


def test_who_says_the_end_is_answered_by_it(office: chatroom.Server) -> None:
    ada, bob = person(office.port, "ada", "lobby", tls=True), person(office.port, "bob", "lobby")
    ada.settled()
    assert isinstance(ada.socket, ssl.SSLSocket)
    ada.socket.unwrap().close()
    assert bob.until_type("left")[-1]["username"] == "ada"


# ----------------------------------------------------------------------------------- who does not keep to it


def handshake() -> bytes:
    """Its beginning, as any client sends it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        TRUSTING.wrap_bio(incoming, outgoing).do_handshake()
    return outgoing.read()


STALLED: dict[str, Callable[[], bytes]] = {
    "after one byte": lambda: b"\x16",
    "in the middle of its first words": lambda: handshake()[:100],
    "after its first words": handshake,
}


@pytest.mark.parametrize("begin", STALLED.values(), ids=STALLED.keys())
def test_a_handshake_that_stalls_ends_by_the_deadline_and_disturbs_nobody(
    office: chatroom.Server, begin: Callable[[], bytes]
) -> None:
    ada = person(office.port, "ada", "lobby", tls=True)
    stalled = [WireClient(office.port) for _ in range(20)]
    for client in stalled:
        client.send_bytes(begin())
    ada.say("lobby", "hello")
    person(office.port, "bob", "lobby", tls=True).close()
    later(office, HELLO_SECONDS)
    for client in stalled:
        while client.socket.recv(10_000):  # what the server says of itself in the handshake
            pass
    assert ada.ask("ping")["type"] == "pong"


def test_a_handshake_that_dribbles_ends_by_the_deadline_too(
    office: chatroom.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatroom.server.connection.HELLO_SECONDS", 0.5)
    client, words = WireClient(office.port), handshake()
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < len(words) and not has_ended(client.socket, patience=0.02):
            client.send_bytes(words[sent : sent + 1])
            sent += 1
    assert sent < len(words)


def has_ended(sock: socket.socket, patience: float) -> bool:
    sock.settimeout(patience)
    try:
        return sock.recv(1) == b""
    except TimeoutError:
        return False


def test_who_says_no_hello_inside_tls_is_told_so_there(office: chatroom.Server) -> None:
    client = WireClient(office.port, tls=True)
    client.ask("ping")
    later(office, HELLO_SECONDS)
    assert [event["code"] for event in client.rest()] == ["timeout"]


@pytest.mark.parametrize("words", [b"\x16\x03\x01\x00\x05hello", b"\x16" + b"x" * 100_000])
def test_what_only_begins_like_tls_is_closed_with_what_tls_says_of_it(office: chatroom.Server, words: bytes) -> None:
    client = WireClient(office.port)
    client.send_bytes(words)
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while data := client.socket.recv(10_000):
            said += data
    assert said == b"" or said[0] == 0x15, "an alert, or nothing"


def test_who_breaks_off_or_sends_rubbish_in_the_middle_is_gone_for_the_others(office: chatroom.Server) -> None:
    bob = person(office.port, "bob", "lobby")
    for break_it in (lambda sock: sock.sendall(b"\x17\x03\x03\x00\x20" + b"rubbish!" * 4), lambda sock: None):
        ada = person(office.port, "ada", "lobby", tls=True)
        with socket.socket(fileno=os.dup(ada.socket.fileno())) as raw:
            break_it(raw)
            ada.socket.close()
            raw.shutdown(socket.SHUT_WR)
        assert bob.until_type("left")[-1]["username"] == "ada"


@pytest.fixture
def layers() -> Iterator[Callable[[], int]]:
    """Of how many connections that this test makes TLS still keeps something. The garbage collector comes late, and so
    is not waited for."""
    gc.freeze()  # what is there already is not looked at
    gc.disable()
    yield lambda: sum(isinstance(thing, TlsLayer) for thing in gc.get_objects())
    gc.enable()
    gc.unfreeze()


def wait_until_gone(server: chatroom.Server) -> None:
    """All connections, and what the flusher still had to do for them."""
    for thread in threading.enumerate():
        if thread.name.startswith("chatroom ("):  # a connection's
            thread.join(PATIENCE)
    idle = threading.Event()
    server._flusher.call(idle.set)
    assert idle.wait(PATIENCE)


@pytest.mark.parametrize("way", hostile.WAYS)
def test_what_tls_keeps_for_a_connection_goes_with_it(
    office: chatroom.Server, layers: Callable[[], int], way: str
) -> None:
    """It is large."""
    with hostile.connect(office.port, hostile.encryption()) as line, contextlib.suppress(OSError):
        hostile.WAYS[way](line)
    with contextlib.closing(person(office.port, "ada", "lobby", tls=True)) as ada:
        ada.say("lobby", "hello")
        assert layers() > 0
    wait_until_gone(office)
    wait_until(lambda: layers() == 0)  # soon: the keeper may be looking after them all just now


def test_who_looks_after_all_holds_on_to_nobody(
    office: chatroom.Server, layers: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After this turn the keeper waits for an hour."""
    looked, check = threading.Event(), Connection.check

    def check_once(connection: Connection, now: float) -> None:
        monkeypatch.setattr(server_module, "TICK_SECONDS", 3_600)
        check(connection, now)
        looked.set()

    with contextlib.closing(person(office.port, "ada", "lobby", tls=True)):
        monkeypatch.setattr(Connection, "check", check_once)
        assert looked.wait(PATIENCE)
    wait_until_gone(office)
    wait_until(lambda: layers() == 0)


def test_tls_inside_tls_is_one_too_many(office: chatroom.Server) -> None:
    client = WireClient(office.port, tls=True)
    client.send_bytes(handshake())
    (error,) = client.rest()
    assert (error["code"], error["fatal"]) == ("bad_frame", True)


# ------------------------------------------------------------------------------------------------- many at once


class Talker:
    """Speaks and listens, and checks that each room event comes once and in order, and each speaker's words too."""

    def __init__(self, port: int, name: str, tls: bool) -> None:
        self._wire = person(port, name, "lobby", tls=tls)
        self.said = 0
        self.heard: Counter[str] = Counter()

    def talk(self, over: threading.Event) -> None:
        while not over.is_set():
            self._wire.send_bytes(b"".join(map(self._say, range(self.said, self.said + 20))))
            self.said += 20
            self.listen()

    def _say(self, number: int) -> bytes:
        return frame({"type": "say", "id": str(number), "room": "lobby", "message": "x" * (number % 100 + 1)})

    def listen(self) -> None:
        for message in messages_of(self._wire.settled()):
            assert message["seq"] == self.heard.total() + 1
            assert message["id"] == str(self.heard[message["username"]])
            self.heard[message["username"]] += 1


def test_people_who_all_speak_and_listen_at_once_are_sent_everything_whole(office: chatroom.Server) -> None:
    people = {name: Talker(office.port, name, tls=name != "p0") for name in [f"p{number}" for number in range(8)]}
    over = threading.Event()
    talks = [Aside(talker.talk, over) for talker in people.values()]
    over.wait(SECONDS)
    over.set()
    for talk in talks:
        talk.finish()
    for talker in people.values():
        talker.listen()
        assert talker.heard == {name: each.said for name, each in people.items()}


@pytest.mark.skipif(not shutil.which("openssl"), reason="OpenSSL's command is not here")
def test_a_peer_that_floods_the_server_with_new_keys_is_sent_everything_and_disturbs_nobody(
    office: chatroom.Server,
) -> None:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{office.port}", "-tls1_3", "-quiet", "-no_ign_eof"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as openssl:
        assert openssl.stdin
        assert openssl.stdout
        ada = person(office.port, "ada", "lobby", tls=True)
        hello = frame({"type": "hello", "protocol": 1, "username": "restless"})
        openssl.stdin.write(hello + frame({"type": "join", "room": "lobby"}))
        openssl.stdin.flush()
        ada.until_type("joined")
        over = threading.Event()
        asking = Aside(ask_for_keys, openssl.stdin, over)
        listening: list[bytes] = []
        hearing = Aside(lambda: listening.append(openssl.stdout.read() if openssl.stdout else b""))
        number, deadline = 0, time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            ada.say("lobby", f"message {number} " + "x" * 1_000)
            number += 1
        over.set()
        asking.finish()
        ada.send("bye")
        openssl.stdin.write(frame({"type": "bye"}))
        openssl.stdin.close()
        hearing.finish()
    heard = [int(found) for found in re.findall(rb'"message":"message (\d+) x', listening[0])]
    assert heard == list(range(number))


def ask_for_keys(stdin: object, over: threading.Event) -> None:
    """By a `K` at the beginning of what is read at once."""
    while not over.is_set():
        stdin.write(b"K\n")  # type: ignore[attr-defined]
        stdin.flush()  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------- who is served without it


def from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatroom.server.server.ip_of", lambda address: "192.168.1.7")


def nothing(_: pytest.MonkeyPatch) -> None:
    pass


@pytest.mark.parametrize("come", [nothing, from_elsewhere], ids=["from here", "from elsewhere"])
@pytest.mark.parametrize("plain", ["always", "loopback", "never"])
def test_who_speaks_plainly_is_served_or_told_that_tls_is_required(
    monkeypatch: pytest.MonkeyPatch, plain: Plain, come: Callable[[pytest.MonkeyPatch], None]
) -> None:
    come(monkeypatch)
    with chatroom.Server(port=0, plain=plain) as server:
        client = WireClient(server.port)
        client.send("hello", protocol=1, username="ada", id="7")
        if plain == "always" or (plain == "loopback" and come is nothing):
            assert client.receive()["type"] == "welcome"
        else:
            (error,) = client.rest()
            assert (error["type"], error["code"], error["fatal"]) == ("error", "tls_required", True)
            assert error["text"].endswith(".")
        person(server.port, "bob", "lobby", tls=True).close()


def test_without_being_told_otherwise_it_serves_only_this_computer_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    with chatroom.Server(port=0) as server:
        person(server.port, "ada").close()
        from_elsewhere(monkeypatch)
        client = WireClient(server.port)
        client.send("ping")
        assert [event["code"] for event in client.rest()] == ["tls_required"]


@pytest.mark.parametrize("words", [JSON, HTTP, IRC, b"x"])
def test_what_is_not_understood_at_all_is_told_that_first(words: bytes) -> None:
    with chatroom.Server(port=0, plain="never") as server:
        client = WireClient(server.port)
        client.send_bytes(words)
        assert [event["code"] for event in client.rest()] in (["bad_frame"], ["too_large"])
