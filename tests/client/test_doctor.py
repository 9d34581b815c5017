"""The doctor against real sockets: a server in order, one that is not, and all that may sit at a port in its place.

Nothing here sleeps: what is silent on purpose meets a doctor with little patience.
"""

import hashlib
import http.server
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from chatroom import Server
from chatroom.client import answers
from chatroom.client.doctor import PATIENCE, Console, Finding, Line, Patience, examine, summary
from chatroom.messages import AnyRequest, Bye, Error, Event, Farewell, Hello, Limits, Notice, Ping, Pong, Welcome
from chatroom.text import username, visible
from chatroom.wire import Unreadable, native
from tests.client.peers import TIMEOUT

pytestmark = pytest.mark.usefixtures("no_thread_is_left")

WIDE = Console(True, True, "utf-8", 80, 24)
WHOLE_WAY = ["name", "connection", "protocol", "encryption", "round trip", "entry", "clock"]
AT_HOME = ["terminal", "encoding", "colours", "window", "sound"]
HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202eevil\u2066\r\nend"

# For these tests alone; nobody trusts it.
KEY_AND_CERTIFICATE = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgqNUtxeqLWFfzyxXK
uOBL1C7oC3+jbR7vGWAV4xDdH8ShRANCAARFZ+jCAv2JASEe3v5IWNJkVT/fbJ9c
9B9pwOQ27DcLq1CYUDbz/oGGRUo1ImVPI7nc813X4Rm+TfLhXr9S4pQy
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBiDCCAS2gAwIBAgIUcME2zXSwYLSYZA0z9ugUWmA7pW4wCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNY2hhdHJvb20tdGVzdDAgFw0yNjExMjQxNDQ3MTNaGA8yMTI2
MTAzMTE0NDcxM1owGDEWMBQGA1UEAwwNY2hhdHJvb20tdGVzdDBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABEVn6MIC/YkBIR7e/khY0mRVP99sn1z0H2nA5DbsNwur
UJhQNvP+gYZFSjUiZU8judzzXdfhGb5N8uFev1LilDKjUzBRMB0GA1UdDgQWBBSF
MnLPVlSnlQyPr2nhQcMD+rbcFTAfBgNVHSMEGDAWgBSFMnLPVlSnlQyPr2nhQcMD
+rbcFTAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQCzhWfYvs6B
S0cm4Iuh8p15XENBJzic6zCkH1lYZ5vZFwIhAKLLc9HZb10jOZXf9DcosY7hUgfJ
7mTpbBWWcvU4rw2u
-----END CERTIFICATE-----
"""

Serve = Callable[[socket.socket], object]


# ---------------------------------------------------------------------------------------------------- the patients


@contextmanager
def served(server: socketserver.TCPServer) -> Iterator[int]:
    """Has it serve in a thread; gives its port."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def peer(serve: Serve) -> Iterator[int]:
    """Whoever calls meets this, each in a thread of its own."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(TIMEOUT)
            with suppress(OSError):
                serve(self.request)

    with served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        yield port


def listens(sock: socket.socket) -> None:
    """And says nothing, until the other one goes."""
    while sock.recv(65_536):
        pass


def hangs_up(sock: socket.socket) -> None:
    """Once it was spoken to."""
    sock.recv(65_536)


def resets(sock: socket.socket) -> None:
    hangs_up(sock)  # or else, at times, there was no connection at all
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def says(data: bytes) -> Serve:
    def serve(sock: socket.socket) -> None:
        sock.sendall(data)
        hangs_up(sock)

    return serve


def dribbles(sock: socket.socket) -> None:
    """Now and then a byte of a frame that is never complete."""
    sock.settimeout(0.01)
    sock.sendall(b"\x00\x0f\xff\xff")
    while True:
        sock.sendall(b" ")
        with suppress(TimeoutError):
            if not sock.recv(65_536):
                return


class Chatroom:
    """A server that knows pings and hellos. `first` may answer before it does; no event at all is a hang-up."""

    def __init__(self, first: Callable[[Any], Sequence[Event] | None] = lambda request: None, *, time: int = 0) -> None:
        self.asked: list[AnyRequest | Unreadable] = []
        self._first = first
        self._time = time

    def __call__(self, sock: socket.socket) -> None:
        codec = native.requests()
        while data := sock.recv(65_536):
            for request in codec.receive(data):
                self.asked.append(request)
                events = self._events(request)
                sock.sendall(native.encode(events))
                if not events:
                    return

    def _events(self, request: AnyRequest | Unreadable) -> Sequence[Event]:
        events = self._first(request)
        if events is not None:
            return events
        match request:
            case Ping():
                return [Notice("welcome"), Pong()]
            case Hello(username=name):
                limits = Limits(65_536, 4_000, 0)
                return [
                    Welcome(
                        protocol=1, server="s", username=name, session="s", role="guest", limits=limits, time=self._time
                    )
                ]
        return []


def answering(kind: type[AnyRequest], *events: Event, after: int = 0) -> Chatroom:
    """One that answers requests of this kind so, once it has answered so many of them in order."""
    seen: list[object] = []

    def first(request: object) -> Sequence[Event] | None:
        if not isinstance(request, kind):
            return None
        seen.append(request)
        return events if len(seen) > after else None

    return Chatroom(first)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Serve], Serve]:
    """Makes of a server one that speaks TLS."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_text(KEY_AND_CERTIFICATE, encoding="ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)

    def sealed(serve: Serve) -> Serve:
        def shake_hands(sock: socket.socket) -> None:
            with context.wrap_socket(sock, server_side=True) as tls:
                serve(tls)

        return shake_hands

    return sealed


def by_first_byte(encrypted: Serve, plain: Serve) -> Serve:
    def serve(sock: socket.socket) -> None:
        (encrypted if sock.recv(1, socket.MSG_PEEK) == b"\x16" else plain)(sock)

    return serve


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


def test_all_is_well_with_a_real_server(server: Server) -> None:
    findings = examined(server.port)
    assert on_the_way(findings) == WHOLE_WAY
    assert [finding for finding in findings if not finding.is_well] == []
    assert summary(findings) == 0
    assert the("encryption", findings).text.startswith("This connection is not encrypted")


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


def test_tls_is_told_with_the_fingerprint_and_the_pin_is_judged(tls: Callable[[Serve], Serve]) -> None:
    pinned: list[bytes] = []
    shaken = threading.Event()

    def pin(certificate: bytes) -> Finding:
        pinned.append(certificate)
        return Finding("pin", False, "The certificate has changed.", "Ask.")

    with peer(by_first_byte(tls(lambda _: shaken.set()), Chatroom())) as port:
        findings = examined(port, pin=pin, now=lambda: 0)
        assert shaken.wait(TIMEOUT)
    certificate = ssl.PEM_cert_to_DER_cert(KEY_AND_CERTIFICATE[KEY_AND_CERTIFICATE.index("-----BEGIN CERT") :])
    assert pinned == [certificate]
    fingerprint = hashlib.sha256(certificate).digest().hex(":").upper()
    assert f"TLSv1.3, the certificate's SHA-256 fingerprint is {fingerprint}" in the("encryption", findings).text
    assert on_the_way(findings) == [*WHOLE_WAY[:4], "pin", *WHOLE_WAY[4:]]
    assert [finding.what for finding in findings if not finding.is_well] == ["pin"]


def test_who_speaks_only_tls_is_named(tls: Callable[[Serve], Serve]) -> None:
    assert protocol_of(tls(listens)).text.startswith("What answers speaks only TLS (TLSv1.3")


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
