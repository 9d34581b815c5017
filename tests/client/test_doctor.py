"""The doctor against real sockets: a server in order, one that is not, and all that may sit at a port in its place.

Nothing here sleeps: what is silent on purpose meets a doctor with little patience.
"""

import http.server
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chatroom import Server
from chatroom.client import answers
from chatroom.client.doctor import PATIENCE, Console, Finding, Patience, examine, summary
from chatroom.client.probe import Line
from chatroom.client.trust import Trust
from chatroom.messages import Bye, Error, Event, Farewell, Hello, Notice, Ping, Pong
from chatroom.text import username, visible
from chatroom.wire import Unreadable, native
from tests.client.certificates import Certificate, certificate
from tests.client.peers import TIMEOUT, acquaint
from tests.client.strangers import (
    Chatroom,
    Serve,
    answering,
    by_first_byte,
    dribbles,
    hangs_up,
    listens,
    peer,
    resets,
    says,
    sealed,
    served,
)

pytestmark = pytest.mark.usefixtures("no_thread_is_left")

WIDE = Console(True, True, "utf-8", 80, 24)
WHOLE_WAY = ["name", "connection", "protocol", "encryption", "round trip", "entry", "clock"]
"""Of who does not want encryption."""
SEALED_WAY = ["name", "connection", "encryption", "certificate", "protocol", "round trip", "entry", "clock"]
AT_HOME = ["terminal", "encoding", "colours", "window", "sound"]
HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202eevil\u2066\r\nend"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def tls(own: Certificate) -> Callable[[Serve], Serve]:
    """Makes of a server one that speaks TLS."""
    return partial(sealed, own.context())


@pytest.fixture
def closed_port() -> Iterator[int]:
    """It is taken, but nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


# ------------------------------------------------------------------------------------------------------ the doctor


def examined(port: int, host: str = "127.0.0.1", **more: Any) -> list[Finding]:
    """All findings. Each is one safe line, and what is not well comes with advice."""
    given: dict[str, Any] = {"environ": {}, "console": WIDE, "find_player": lambda: "bells", **more}
    findings = [*examine(host, port, **given)]
    for finding in findings:
        assert all(line and visible(line) == line for line in (finding.what, finding.text)), finding
        assert visible(finding.advice) == finding.advice
        assert finding.is_well or finding.advice
    return findings


def on_the_way(findings: Sequence[Finding]) -> list[str]:
    """Which hops to the server there were; and what is at home is looked at in any case."""
    kinds = [finding.what for finding in findings]
    assert kinds[-len(AT_HOME) :] == AT_HOME
    return kinds[: -len(AT_HOME)]


def the(what: str, findings: Sequence[Finding]) -> Finding:
    (finding,) = (finding for finding in findings if finding.what == what)
    return finding


def protocol_of(serve: Serve, **more: Any) -> Finding:
    """What is found where nobody gets further than the protocol."""
    with peer(serve) as port:
        findings = examined(port, **more)
    assert on_the_way(findings) == WHOLE_WAY[:3]
    assert summary(findings) == 1
    finding = the("protocol", findings)
    assert not finding.is_well
    return finding


# ------------------------------------------------------------------------------------------------- a healthy server


def test_all_is_well_with_a_real_server(server: Server, tmp_path: Path) -> None:
    findings = examined(server.port, trust=Trust(tmp_path, "127.0.0.1", server.port))
    assert on_the_way(findings) == SEALED_WAY
    assert [finding for finding in findings if not finding.is_well] == []
    assert summary(findings) == 0
    assert the("encryption", findings).text == "The connection is encrypted by TLSv1.3."


def test_all_is_well_also_in_the_open_but_it_is_told(server: Server) -> None:
    findings = examined(server.port)
    assert on_the_way(findings) == WHOLE_WAY
    assert summary(findings) == 0
    assert the("encryption", findings).text == "This connection is not encrypted, but could be, by TLSv1.3."
    assert "`--no-tls`" in the("encryption", findings).advice


def test_the_doctor_is_a_guest_who_enters_no_room_and_says_goodbye() -> None:
    chatroom = Chatroom()
    with peer(chatroom) as port:
        examined(port)
    asked = [request for request in chatroom.asked if not isinstance(request, Unreadable)]
    kinds = [type(request) for request in asked]
    assert kinds == [Ping] * kinds.count(Ping) + [Hello, Bye]
    hello = asked[-2]
    assert isinstance(hello, Hello)
    assert username(hello.username).startswith("doctor-")
    assert len(hello.username) == len("doctor-") + 4
    assert (hello.session, hello.password, hello.server_password) == (None, None, None)


def test_findings_come_one_after_the_other(server: Server) -> None:
    findings = examine("127.0.0.1", server.port, environ={}, console=WIDE)
    assert next(findings).what == "name"
    assert next(findings).what == "connection"
    findings.close()  # type: ignore[attr-defined]


def test_the_patience_for_a_whole_way_is_a_quarter_of_a_minute() -> None:
    assert sum(PATIENCE) <= 15


@pytest.mark.parametrize(("wells", "code"), [([True, True], 0), ([True, False], 1), ([False], 1)])
def test_the_exit_code_is_0_only_when_all_is_well(wells: list[bool], code: int) -> None:
    assert summary(Finding("x", is_well, "") for is_well in wells) == code


# -------------------------------------------------------------------------------------------------------- the name


def failing(code: int) -> Callable[..., None]:
    """A lookup that fails so, on whatever machine this runs."""

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(code, HOSTILE)

    return fail


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (socket.EAI_NONAME, "There is no computer named nas."),
        (socket.EAI_AGAIN, "No name server answers when it is asked for nas."),
    ],
)
def test_a_name_that_is_not_found_ends_the_way(code: int, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", failing(code))
    findings = examined(1, "nas", system="linux")
    assert on_the_way(findings) == ["name"]
    assert findings[0].text == text
    assert "`getent hosts nas`" in findings[0].advice
    assert summary(findings) == 1


@pytest.mark.parametrize("host", ["http://nas", "nas:5002", "ada@nas", "a b", "[::1]"])
def test_more_than_a_name_is_named(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", failing(socket.EAI_NONAME))
    assert "`--host NAME --port NUMBER`" in the("name", examined(1, host)).advice


@pytest.mark.parametrize("host", ["", "nul\0", "x" * 300, "a..b", HOSTILE, "\ud800"])
def test_what_can_be_no_name_is_not_found(host: str) -> None:
    assert not the("name", examined(1, host)).is_well


def test_a_lookup_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        answered.wait(TIMEOUT)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    findings = examined(1, "nas", patience=Patience(name=0.1))
    answered.set()
    assert on_the_way(findings) == ["name"]
    assert findings[0].text == "No name server answers when it is asked for nas."


# ------------------------------------------------------------------------------------------------- the connections


def test_a_closed_port_is_refused(closed_port: int) -> None:
    findings = examined(closed_port)
    assert on_the_way(findings) == ["name", "connection"]
    assert the("connection", findings).text == f"127.0.0.1 port {closed_port} refuses: nobody listens there."
    assert f"`chatroom-server --port {closed_port}`" in the("connection", findings).advice
    assert summary(findings) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux drops what a full queue cannot take")
def test_an_address_that_does_not_answer_is_given_up_with_a_rule_for_each_firewall() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(("127.0.0.1", port))
        findings = examined(port, patience=Patience(connection=0.1))
        for caller in callers:
            caller.close()
    assert on_the_way(findings) == ["name", "connection"]
    assert the("connection", findings).text == f"127.0.0.1 port {port} does not answer."
    for rule in (f"`sudo ufw allow {port}/tcp`", "socketfilterfw", f"localport={port}`"):
        assert rule in the("connection", findings).advice


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a whole network of loopback addresses")
def test_one_address_of_two_is_enough(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def two(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, 1, 6, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", two)
        findings = examined(server.port, "nas")
    assert findings[0].text == "nas is 127.0.0.2, 127.0.0.1."
    assert on_the_way(findings) == ["name", "connection", *WHOLE_WAY[1:]]
    assert "127.0.0.1 answers" in findings[1].text
    assert summary(findings) == 0


# ---------------------------------------------------------------------------------------------------- the protocol


@pytest.mark.parametrize(
    ("first_words", "look"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "an SSH server"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "a web server"),
        (b"220 mail.example ESMTP\r\n", "a mail or FTP server"),
        (b"* OK ready\r\n", "a mail server"),
        (b":irc.example NOTICE * :hello\r\n", "an IRC server"),
        (b"RFB 003.008\n", "a remote desktop"),
        (b"-ERR unknown command\r\n", "a Redis server"),
        (b'INFO {"server_id"', "a NATS server"),
        (b"\n\x00\x00\x00\x0a8.0.36\x00", "a MySQL server"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "only TLS"),
        (b"Hello there!\r\nMore.", "says \u201cHello there!\u201d"),
        ("Grüße\n".encode(), "says \u201cGrüße\u201d"),
        (b"x" * 200, "says \u201c" + "x" * 40 + "\u201d"),
        (b"\xff\xfe\x80\x81garbage", "begins with the bytes ff fe 80 81"),
        (HOSTILE.encode(), "begins with the bytes 1b 5b 32 4a"),
        (b"\x00\x00\x00\x05hello", "begins with the bytes 00 00 00 05"),
        (b"\r\n", "begins with the bytes 0d 0a"),
    ],
)
def test_another_program_is_named_by_its_first_words(first_words: bytes, look: str) -> None:
    finding = protocol_of(says(first_words), system="linux")
    assert look in finding.text
    assert "`sudo ss -ltnp" in finding.advice


def test_first_words_are_enough() -> None:
    """However patient the doctor is, and though the connection stays open."""

    def greets(sock: socket.socket) -> None:
        sock.sendall(b"SSH-2.0-x\r\n")
        listens(sock)

    begun = time.monotonic()
    assert "an SSH server" in protocol_of(greets, patience=Patience(protocol=2 * TIMEOUT)).text
    assert time.monotonic() - begun < TIMEOUT


def test_a_real_web_server_is_named() -> None:
    class Quiet(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with served(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)) as port:
        assert "a web server" in the("protocol", examined(port)).text


def test_who_says_nothing_is_given_up() -> None:
    finding = protocol_of(listens, patience=Patience(protocol=0.1, encryption=0.1))
    assert finding.text == "The connection is taken, but nothing is said."


@pytest.mark.parametrize("serve", [hangs_up, resets])
def test_who_hangs_up_is_named(serve: Serve) -> None:
    assert protocol_of(serve).text == "The connection is taken and closed again without a word."


def test_who_sends_a_byte_now_and_then_holds_nobody_up() -> None:
    begun = time.monotonic()
    protocol_of(dribbles, patience=Patience(protocol=0.1, encryption=0.1))
    assert time.monotonic() - begun < TIMEOUT


def test_last_words_are_heard_from_who_does_not_listen() -> None:
    full = native.encode([Error(code="full", text="No room.", fatal=True)])
    finding = protocol_of(lambda sock: sock.sendall(full))
    assert finding.text == "A chatroom server answers, and refuses: No room."
    assert "--max-clients" in finding.advice


def test_last_words_are_heard_also_where_nothing_can_be_sent_any_more() -> None:
    here, there = socket.socketpair()
    last = Error(code="full", text="No room.", fatal=True)
    with here, there:
        there.sendall(native.encode([last]))
        there.close()
        assert Line(here).ask(b"hello?", Pong, time.monotonic() + TIMEOUT) == last


def test_a_server_that_is_being_stopped_is_named() -> None:
    finding = protocol_of(answering(Ping, Farewell("The server is shutting down.")))
    assert finding.text == "A chatroom server answers, and says goodbye: The server is shutting down."


# -------------------------------------------------------------------------------------------------- the encryption


def test_a_certificate_that_is_not_known_is_told_by_its_words_and_not_pinned(server: Server, tmp_path: Path) -> None:
    trust = Trust(tmp_path / "here", "127.0.0.1", server.port)
    pin = acquaint(tmp_path / "elsewhere", server.port)
    for _ in range(2):
        finding = the("certificate", examined(server.port, trust=trust))
        assert finding.text == f"It is not known here yet: {pin.words} (SHA-256 {pin.fingerprint})."
        assert "Compare these words" in finding.advice
    assert not trust.known()


def test_a_certificate_that_is_pinned_is_told(server: Server, tmp_path: Path) -> None:
    pin = acquaint(tmp_path, server.port)
    finding = the("certificate", examined(server.port, trust=Trust(tmp_path, "127.0.0.1", server.port)))
    assert finding == Finding(
        "certificate", True, f"It is the one that is known: {pin.words} (SHA-256 {pin.fingerprint})."
    )


def test_where_the_certificate_is_wrong_the_way_ends(tls: Callable[[Serve], Serve], tmp_path: Path) -> None:
    """As it does for a client; and the server is not spoken to."""
    chatroom = Chatroom()
    with peer(tls(chatroom)) as port:
        findings = examined(port, trust=Trust(tmp_path, "127.0.0.1", port, "ab" * 32))
    assert on_the_way(findings) == SEALED_WAY[:4]
    assert "is not the one that you gave" in the("certificate", findings).text
    assert not the("certificate", findings).is_well
    assert chatroom.asked == []


def sealed_finding(serve: Serve, what: str, tmp_path: Path, **more: Any) -> Finding:
    """What is found in place of encryption."""
    with peer(serve) as port:
        given: dict[str, Any] = {
            "trust": Trust(tmp_path, "127.0.0.1", port),
            "patience": Patience(encryption=0.1, protocol=0.1),
        }
        findings = examined(port, **(given | more))
    assert on_the_way(findings) == ["name", "connection", what]
    assert summary(findings) == 1
    return the(what, findings)


def test_a_chatroom_server_without_encryption_is_named(tmp_path: Path) -> None:
    patient = Patience()
    finding = sealed_finding(by_first_byte(hangs_up, Chatroom()), "encryption", tmp_path, patience=patient)
    assert "is no chatroom server that speaks TLS" in finding.text


def test_one_that_was_encrypted_before_is_named(own: Certificate, tmp_path: Path) -> None:
    is_downgraded = threading.Event()
    encrypted = sealed(own.context(), listens)

    def serve(sock: socket.socket) -> None:
        (by_first_byte(hangs_up, Chatroom()) if is_downgraded.is_set() else encrypted)(sock)

    with peer(serve) as port:
        acquaint(tmp_path, port)
        is_downgraded.set()
        findings = examined(port, trust=Trust(tmp_path, "127.0.0.1", port))
    assert on_the_way(findings) == ["name", "connection", "encryption"]
    assert "was encrypted before, and is so no more" in the("encryption", findings).text


def test_a_tls_that_is_too_old_is_named(own: Certificate, tmp_path: Path) -> None:
    serve = sealed(own.context(ssl.TLSVersion.TLSv1_1), listens)
    assert "speaks only a TLS that is too old" in sealed_finding(serve, "encryption", tmp_path, patience=PATIENCE).text


def test_another_program_is_named_also_where_encryption_is_wanted(tmp_path: Path) -> None:
    finding = sealed_finding(says(b"SSH-2.0-OpenSSH_9.2\r\n"), "protocol", tmp_path, patience=PATIENCE)
    assert "an SSH server" in finding.text
    assert sealed_finding(listens, "protocol", tmp_path).text == "The connection is taken, but nothing is said."


def test_a_web_server_with_tls_is_named(tls: Callable[[Serve], Serve], tmp_path: Path) -> None:
    with peer(tls(says(b"HTTP/1.1 400 Bad Request\r\n\r\n"))) as port:
        findings = examined(port, trust=Trust(tmp_path, "127.0.0.1", port))
    assert on_the_way(findings) == SEALED_WAY[:5]
    assert "a web server" in the("protocol", findings).text


def test_a_server_that_is_full_says_so_before_any_encryption(tmp_path: Path) -> None:
    full = native.encode([Error(code="full", text="No room.", fatal=True)])
    finding = sealed_finding(says(full), "protocol", tmp_path, patience=PATIENCE)
    assert finding.text == "A chatroom server answers, and refuses: No room."


def test_who_speaks_only_tls_is_named(tls: Callable[[Serve], Serve]) -> None:
    finding = protocol_of(tls(listens))
    assert finding.text == "What answers speaks only TLS (TLSv1.3)."
    assert "`--no-tls`" in finding.advice


@pytest.mark.parametrize("serve", [listens, hangs_up, resets, dribbles, says(b"garbage!" * 99)])
def test_whoever_answers_no_handshake_is_not_encrypted(serve: Serve) -> None:
    with peer(by_first_byte(serve, Chatroom())) as port:
        findings = examined(port, patience=Patience(encryption=0.1), now=lambda: 0)
    assert on_the_way(findings) == WHOLE_WAY
    assert the("encryption", findings).text.startswith("This connection is not encrypted")
    assert summary(findings) == 0


def test_a_server_that_wants_tls_is_asked_for_it(tls: Callable[[Serve], Serve]) -> None:
    refusal = Error(code="tls_required", text="Encrypt, please.", fatal=True)
    with peer(by_first_byte(tls(listens), answering(Ping, refusal))) as port:
        findings = examined(port)
    assert on_the_way(findings) == WHOLE_WAY[:4]
    assert not the("protocol", findings).is_well
    assert "TLSv1.3" in the("encryption", findings).text


# ------------------------------------------------------------------------------------------------- the round trip


@pytest.mark.parametrize("events", [[Notice("later")], [Farewell("Bye.")], []])
def test_a_server_that_answers_no_second_ping_is_named(events: list[Event]) -> None:
    with peer(answering(Ping, *events, after=1)) as port:
        findings = examined(port, patience=Patience(round_trip=0.1))
    assert on_the_way(findings) == WHOLE_WAY[:5]
    assert not the("round trip", findings).is_well


# ------------------------------------------------------------------------------------------- the entry and the clock


@pytest.mark.parametrize(
    ("code", "is_well"),
    [
        *[(code, False) for code in ("full", "auth_failed", "banned", "slow_down", "name_taken", "bad_name")],
        *[(code, False) for code in ("protocol", "timeout", "store_failed", "shutting_down", "internal", "new_code")],
        *[(code, True) for code in ("server_password", "auth_required")],
    ],
)
def test_a_guest_who_is_refused_is_told_why_and_what_to_do(code: str, is_well: bool) -> None:
    with peer(answering(Hello, Error(code=code, text=f"Because of {code}.", fatal=True))) as port:
        findings = examined(port)
    assert on_the_way(findings) == WHOLE_WAY[:6]
    finding = the("entry", findings)
    assert finding.is_well == is_well
    assert finding.text.endswith(f"refuses: Because of {code}.")
    assert finding.advice.endswith(".")


def test_each_refusal_has_advice_of_its_own() -> None:
    advice = [
        answers.refused("entry", Error(code=code, text="", fatal=True)).advice
        for code in ("full", "server_password", "auth_required", "banned", "protocol", "tls_required", "anything else")
    ]
    assert len({*advice}) == len(advice)


@pytest.mark.parametrize(
    ("events", "said"), [([Notice("wait")], "did not answer"), ([], "hung up"), ([Farewell("Bye.")], "goodbye: Bye.")]
)
def test_a_hello_without_an_answer_is_named(events: list[Event], said: str) -> None:
    with peer(answering(Hello, *events)) as port:
        findings = examined(port, patience=Patience(entry=0.1))
    assert on_the_way(findings) == WHOLE_WAY[:6]
    assert said in the("entry", findings).text
    assert summary(findings) == 1


def test_nothing_from_the_network_is_told_raw() -> None:
    """Which `examined` sees to; here it is told at all."""
    for events in ([Error(code=HOSTILE, text=HOSTILE * 99, fatal=True)], [Farewell(HOSTILE * 99)]):
        finding = protocol_of(answering(Ping, *events))
        assert "evil" in finding.text
        assert len(finding.text) < 300
        with peer(answering(Hello, *events)) as port:
            assert "evil" in the("entry", examined(port)).text


@pytest.mark.parametrize(
    ("seconds", "is_well", "said"),
    [
        (0, True, "agree"),
        (59, True, "59 seconds ahead of"),
        (-59, True, "59 seconds behind"),
        (90, False, "90 seconds ahead of"),
        (-3_700, False, "61 minutes behind"),
        (200_000, False, "2 days ahead of"),
        (10**15, False, "more than 10000 days ahead of"),
    ],
)
def test_a_clock_that_is_off_is_told(seconds: int, is_well: bool, said: str) -> None:
    with peer(Chatroom(time=1_000_000_000_000)) as port:
        findings = examined(port, now=lambda: 1_000_000_000 + seconds)
    assert said in the("clock", findings).text
    assert summary(findings) == (0 if is_well else 1)
    assert ("timedatectl" in the("clock", findings).advice) != is_well


def test_an_hour_is_seen_between_a_real_server_and_a_clock_that_is_off(server: Server) -> None:
    finding = the("clock", examined(server.port, now=lambda: time.time() - 3_630))
    assert finding.text == "This computer's clock is 60 minutes behind the server's."


@pytest.mark.parametrize("strange", [-(2**63), -1, 2**63 - 1, 2**64 - 1])
def test_no_time_is_too_strange(strange: int) -> None:
    with peer(Chatroom(time=strange)) as port:
        assert not the("clock", examined(port)).is_well


# ------------------------------------------------------------------------------------------------------- the sound


def test_without_a_player_there_is_the_bell_and_advice(closed_port: int) -> None:
    def hang() -> str:
        released.wait(TIMEOUT)
        return "a late one"

    def fail() -> None:
        raise subprocess.CalledProcessError(1, "player")

    released = threading.Event()
    for find in (lambda: None, fail, hang):
        finding = the("sound", examined(closed_port, find_player=find, patience=Patience(sound=0.1)))
        assert finding.is_well
        assert "bell" in finding.text
        assert "apt install" in finding.advice
    released.set()
