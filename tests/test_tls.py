"""TLS in memory, between two ends that no network is between; certificates as files; fingerprints as words."""

import os
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from chatroom.addresses import ip_of, is_loopback
from chatroom.errors import StartError
from chatroom.net.certificate import CERTIFICATE_FILE, KEY_FILE, der_of, make_certificate
from chatroom.net.stream import Stream
from chatroom.net.tls import RECORD, TlsLayer, TlsStream, client_context, server_context
from chatroom.net.words import WORDS, as_words, fingerprint, matches
from chatroom.server.budget import BOUND, Budget
from chatroom.server.flusher import Flusher
from chatroom.server.outbox import Outbox
from tests.support.rooms import Aside
from tests.support.tls import Restless, certificate

SECONDS = float(os.environ.get("CHATROOM_HAMMER_SECONDS", "1"))
"""So long the ends hammer each other."""


# ------------------------------------------------------------------------------------------------- the layer by itself


class Ends:
    """A server and a client who pass each other what they have to send."""

    def __init__(self, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> None:
        context = client_context()
        context.minimum_version = context.maximum_version = version
        self.server = TlsLayer(certificate()[0], server_side=True)
        self.client = TlsLayer(context, server_side=False)

    def shake_hands(self) -> None:
        self.client.receive(b"")
        while said := self.client.drain():
            assert self.server.receive(said) == b""
            assert self.client.receive(self.server.drain()) == b""
        assert self.server.is_open
        assert self.client.is_open


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2], ids=["TLS 1.3", "TLS 1.2"])
def ends(request: pytest.FixtureRequest) -> Ends:
    ends = Ends(request.param)
    ends.shake_hands()
    return ends


@pytest.mark.parametrize("size", [0, 1, RECORD - 1, RECORD, RECORD + 1, 100_000, 1 << 20])
def test_what_is_sealed_comes_out_as_it_was(ends: Ends, size: int) -> None:
    data = os.urandom(size)
    for sender, receiver in ((ends.server, ends.client), (ends.client, ends.server)):
        sealed = sender.seal(data)
        assert size < 16 or data[:16] not in sealed
        assert receiver.receive(sealed) == data
        assert not receiver.owes()


def test_it_may_come_byte_by_byte_from_the_first_byte_of_the_handshake() -> None:
    ends = Ends()
    pairs = [(ends.client, ends.server), (ends.server, ends.client)]
    ends.client.receive(b"")
    while any(sender.owes() for sender, _ in pairs):
        for sender, receiver in pairs:
            for byte in sender.drain():
                assert receiver.receive(bytes([byte])) == b""
    for sender, receiver in pairs:
        data = os.urandom(20_000)
        assert b"".join(receiver.receive(bytes([byte])) for byte in sender.seal(data)) == data


def test_several_records_at_once_come_out_together_and_in_order(ends: Ends) -> None:
    sealed = b"".join(ends.client.seal(bytes([number])) for number in range(200))
    assert ends.server.receive(sealed) == bytes(range(200))


def test_the_client_sees_which_certificate_and_which_version_it_is(ends: Ends) -> None:
    assert ends.client.peer_certificate() == certificate()[1]
    assert ends.server.peer_certificate() == b""
    assert ends.client.version() == ends.server.version()
    assert ends.client.version() in ("TLSv1.2", "TLSv1.3")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_what_is_older_than_tls_1_2_is_refused() -> None:
    ends = Ends(ssl.TLSVersion.TLSv1_1)
    ends.client.receive(b"")
    ends.client.receive(ends.server.receive(ends.client.drain()) + ends.server.drain())
    assert not ends.server.is_open
    assert ends.client.failure or ends.server.failure


def test_nothing_is_sent_in_the_open_before_the_handshake_is_done() -> None:
    ends = Ends()
    assert ends.server.seal(b"secret") == b""
    ends.client.receive(b"")
    assert b"secret" not in ends.client.seal(b"secret")


def test_who_ends_says_so_once_and_may_still_listen(ends: Ends) -> None:
    end = ends.server.end()
    assert end
    assert ends.server.end() == b""
    assert ends.server.seal(b"too late") == b""
    for words in (b"still", b"talking"):
        assert ends.server.receive(ends.client.seal(words)) == words
    assert ends.client.receive(end) == b""
    assert ends.client.is_over
    assert ends.server.receive(ends.client.drain()) == b""
    assert ends.server.is_over
    assert not ends.client.failure
    assert not ends.server.failure


def test_what_was_tampered_with_is_a_failure_that_the_peer_is_told_and_nothing_more_is_read(ends: Ends) -> None:
    good, bad, more = (ends.client.seal(words) for words in (b"good", b"bad", b"more"))
    tampered = bad[:-1] + bytes([bad[-1] ^ 1])
    assert ends.server.receive(good + tampered + more) == b"good"
    assert ends.server.failure
    assert ends.server.receive(more) == b""
    assert ends.server.seal(b"for nobody") != b"", "what is sent is what TLS says of the fault"
    assert ends.server.seal(b"for nobody") == b""


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x00\x05hello", b"\x16" + b"x" * 100, b"\x16\x03\x01\xff\xff"])
def test_a_handshake_that_makes_no_sense_is_a_failure(garbage: bytes) -> None:
    server = TlsLayer(certificate()[0], server_side=True)
    assert server.receive(garbage) == b""
    assert server.failure
    assert not server.is_open


# --------------------------------------------------------------------------------------- over sockets, by many threads


class Side:
    """One end of a line: a stream, and the outbox that alone sends."""

    def __init__(self, sock: socket.socket, flusher: Flusher, layer: TlsLayer) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        stream = Stream(sock)
        self.stream = TlsStream(stream, layer)
        self.outbox = Outbox(stream, flusher, Budget())
        self.outbox.encrypt(self.stream)
        self.stream.on_owed = self.outbox.pass_on

    def close(self) -> None:
        self.outbox.close()
        self.stream.close()


@pytest.fixture
def flusher() -> Iterator[Flusher]:
    flusher = Flusher()
    flusher.start()
    yield flusher
    flusher.stop()


@pytest.fixture
def sides(flusher: Flusher) -> Iterator[tuple[Side, Side]]:
    ends, sockets = Ends(), socket.socketpair()
    server, client = (
        Side(sock, flusher, layer) for sock, layer in zip(sockets, (ends.server, ends.client), strict=True)
    )
    answering = Aside(server.stream.handshake)
    assert client.stream.handshake()
    answering.finish()
    yield server, client
    for side in (server, client):
        side.close()


PIECE = 512
KEY_UPDATE = 27
"""So many bytes ask for new keys, and as many answer."""


def hammer(side: Side, letter: int, stopped: threading.Event) -> None:
    """Sends numbered pieces, as many as are taken, until it is time; then the end of its letter."""
    number = 0
    while not stopped.is_set():
        if side.outbox.put(bytes([letter]) + number.to_bytes(8, "big") * (PIECE // 8) + b"." * 7):
            number += 1
        else:
            side.outbox.wait_until_sent(1)
    assert number


def check(side: Side) -> None:
    """Reads to the end: every letter's pieces are whole, and numbered without a hole."""
    buffer, counts = bytearray(), dict.fromkeys(b"abcd", 0)
    while data := side.stream.recv(65_536):
        buffer += data
        while len(buffer) >= PIECE + 8:
            letter, number = buffer[0], int.from_bytes(buffer[1:9], "big")
            assert buffer[: PIECE + 8] == bytes([letter]) + number.to_bytes(8, "big") * (PIECE // 8) + b"." * 7
            assert number == counts[letter]
            counts[letter] += 1
            del buffer[: PIECE + 8]
    assert not buffer
    assert all(counts.values())


def test_many_threads_hammer_one_connection_in_both_directions_and_nothing_is_torn(sides: tuple[Side, Side]) -> None:
    stopped = threading.Event()
    timer = threading.Timer(SECONDS, stopped.set)
    readers = [Aside(check, side) for side in sides]
    timer.start()
    writers = [Aside(hammer, side, letter, stopped) for side in sides for letter in b"abcd"]
    timer.join()
    for writer in writers:
        writer.finish()
    for side in sides:
        side.outbox.finish(b"")
    for reader in readers:
        reader.finish()


def restless(flusher: Flusher) -> tuple[Side, Restless]:
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    side, peer = Side(ours, flusher, TlsLayer(certificate()[0], server_side=True)), Restless(theirs)
    shaking = Aside(side.stream.handshake)
    peer.connect()
    shaking.finish()
    return side, peer


@pytest.mark.alone
def test_threads_that_write_do_not_mind_a_peer_that_asks_for_new_keys_all_the_time(flusher: Flusher) -> None:
    side, peer = restless(flusher)
    stopped = threading.Event()

    def hammer_and_finish() -> None:
        writers = [Aside(hammer, side, letter, stopped) for letter in b"abcd"]
        stopped.wait()
        for writer in writers:
            writer.finish()
        side.outbox.finish(b"the end")

    with peer:
        reading = Aside(side.stream.recv, 100)
        writing = Aside(hammer_and_finish)
        deadline = time.monotonic() + SECONDS
        received = 0
        while time.monotonic() < deadline:
            for _ in range(3):
                peer.ask_for_new_keys()
            received += len(peer.recv())
        stopped.set()
        last = b""
        while data := peer.recv():
            received += len(data)
            last = data
        assert last.endswith(b"the end")
        assert (received - len(b"the end")) % (PIECE + 8) == 0
        assert not side.stream.layer.failure
        writing.finish()
    reading.finish()
    side.close()


def test_who_asks_for_new_keys_and_never_reads_the_answers_is_read_no_further(flusher: Flusher) -> None:
    side, peer = restless(flusher)
    with peer:
        reading = Aside(side.stream.recv, 65_536)
        asked = 0
        while peer.ask_for_new_keys(patience=0.5) or side.outbox.has_room():
            asked += KEY_UPDATE
            assert asked < 8 * BOUND, "it is read further and further"
        while not side.outbox.has_room():  # it goes on once its answers are read
            peer.swallow()
        side.stream.shut_down()
        reading.finish()
    side.close()


# --------------------------------------------------------------------------------------------------- certificates


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Path]:
    """A key and its certificate."""
    return make_certificate(tmp_path / "new" / "folder")


def assert_is_sentence(error: pytest.ExceptionInfo[StartError], *names: str) -> None:
    text = error.value.text
    assert text.endswith(".")
    assert "\n" not in text
    for name in names:
        assert name in text


def test_a_certificate_is_made_where_there_is_none(made: tuple[Path, Path]) -> None:
    key, file = made
    assert (key.name, file.name) == (KEY_FILE, CERTIFICATE_FILE) == ("server.key", "server.crt")
    found = x509.load_der_x509_certificate(der_of(file))
    public = found.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert isinstance(public.curve, ec.SECP256R1)
    found.verify_directly_issued_by(found)
    assert found.not_valid_before_utc < datetime.now(UTC)
    assert abs(found.not_valid_after_utc - datetime.now(UTC) - timedelta(days=3_652)) < timedelta(days=2)
    server_context(file, key)


@pytest.mark.skipif(sys.platform == "win32", reason="files have no mode there")
def test_the_key_is_for_its_owners_eyes_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        key, _ = make_certificate(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_what_is_there_is_used_and_never_made_anew(made: tuple[Path, Path]) -> None:
    before = [path.read_bytes() for path in made]
    assert make_certificate(made[0].parent) == made
    assert [path.read_bytes() for path in made] == before


@pytest.mark.parametrize("lost", [0, 1])
def test_half_of_a_pair_is_an_error_and_is_left_alone(made: tuple[Path, Path], lost: int) -> None:
    made[lost].unlink()
    with pytest.raises(StartError) as error:
        make_certificate(made[0].parent)
    assert_is_sentence(error, *(path.name for path in made))
    assert not made[lost].exists()
    assert made[1 - lost].exists()


def test_a_folder_that_cannot_be_written_is_an_error_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StartError) as error:
        make_certificate(tmp_path / "file" / "folder")
    assert_is_sentence(error, str(tmp_path / "file"))


def test_a_certificate_that_cannot_be_written_leaves_no_key_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []

    def fail_the_second_time(descriptor: int) -> None:
        flushed.append(descriptor)
        if len(flushed) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail_the_second_time)
    with pytest.raises(StartError) as error:
        make_certificate(tmp_path)
    assert_is_sentence(error, "No space left")
    assert list(tmp_path.iterdir()) == []


def test_a_key_of_another_certificate_is_an_error(made: tuple[Path, Path], tmp_path: Path) -> None:
    other, _ = make_certificate(tmp_path / "other")
    with pytest.raises(StartError) as error:
        server_context(made[1], other)
    assert_is_sentence(error, str(made[1]), str(other), "belong together")


def test_what_is_no_certificate_or_no_key_is_an_error(made: tuple[Path, Path], tmp_path: Path) -> None:
    key, file = made
    words = tmp_path / "words"
    words.write_text("hello\n")
    for pair in ((words, key), (file, words), (key, key), (file, file)):
        with pytest.raises(StartError) as error:
            server_context(*pair)
        assert_is_sentence(error, str(pair[0]))
    for path in (words, key):
        with pytest.raises(StartError) as error:
            der_of(path)
        assert_is_sentence(error, str(path))


def test_a_file_that_is_not_there_is_an_error_that_names_it(made: tuple[Path, Path], tmp_path: Path) -> None:
    key, file = made
    gone = tmp_path / "gone"
    for look in (partial(server_context, gone, key), partial(server_context, file, gone), partial(der_of, gone)):
        with pytest.raises(StartError) as error:
            look()
        assert_is_sentence(error, str(gone))


def test_a_key_with_a_password_is_an_error_and_nobody_is_asked_for_it(made: tuple[Path, Path]) -> None:
    key, file = made
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(
        loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"a secret"),
        )
    )
    with pytest.raises(StartError) as error:
        server_context(file, key)
    assert_is_sentence(error, "password")


def test_of_a_chain_the_first_certificate_counts_and_what_stands_around_it_does_not(
    made: tuple[Path, Path], tmp_path: Path
) -> None:
    _, other = make_certificate(tmp_path / "other")
    chain = tmp_path / "chain.pem"
    chain.write_text(f"subject=Büro\n{made[1].read_text()}issuer=somebody\n{other.read_text()}", encoding="utf-8")
    assert der_of(chain) == der_of(made[1])


# ------------------------------------------------------------------------------------------------------ fingerprints

FINGERPRINTS = st.binary(min_size=32, max_size=32).map(bytes.hex)


def test_there_is_a_word_for_each_byte_and_each_is_easy_to_say_and_to_tell_from_others() -> None:
    assert len(WORDS) == len(set(WORDS)) == 256
    assert all(word.isascii() and word.isalpha() and word.islower() and 3 <= len(word) <= 9 for word in WORDS)
    assert len({word[:4] for word in WORDS}) == 256, "the first four letters tell it"


def test_a_fingerprint_is_the_sha256_and_its_words_are_ten() -> None:
    assert fingerprint(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert len(as_words(fingerprint(b"")).split()) == 10
    assert as_words("00" * 32) == " ".join([WORDS[0]] * 10)
    assert as_words("ff" * 32) == " ".join([WORDS[255]] * 10)


@given(FINGERPRINTS)
def test_it_is_known_in_any_of_its_forms(digits: str) -> None:
    colons = ":".join(digits[at : at + 2] for at in range(0, 64, 2))
    words = as_words(digits)
    forms = [digits, digits.upper(), colons, colons.upper(), f"sha256:{digits}", f"SHA256:{colons.upper()}",
             f"sha256 Fingerprint={colons.upper()}", f"  {digits}\n", words, words.upper(), words.replace(" ", "-"),
             words.replace(" ", ", "), f" {words.replace(' ', '  ')} "]  # fmt: skip
    for form in forms:
        assert matches(form, digits), form


@given(FINGERPRINTS, st.integers(0, 31), st.integers(1, 255))
def test_another_one_is_not_taken_for_it(digits: str, place: int, change: int) -> None:
    changed = bytearray(bytes.fromhex(digits))
    changed[place] ^= change
    assert not matches(changed.hex(), digits)
    assert matches(as_words(changed.hex()), digits) == (place >= 10)


@pytest.mark.parametrize("given_", ["", " ", "acorn", "00" * 31, "00" * 33, "sha256:", "md5:" + "00" * 32, ":" * 64])
def test_part_of_it_is_not_enough(given_: str) -> None:
    assert not matches(given_, "00" * 32)
    assert not matches(as_words("00" * 32).rpartition(" ")[0], "00" * 32)


# --------------------------------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("address", "ip", "here"),
    [
        (("127.0.0.1", 5), "127.0.0.1", True),
        (("127.9.9.9", 5), "127.9.9.9", True),
        (("192.168.1.2", 5), "192.168.1.2", False),
        (("::1", 5, 0, 0), "::1", True),
        (("::ffff:127.0.0.1", 5, 0, 0), "127.0.0.1", True),
        (("::ffff:10.0.0.1", 5, 0, 0), "10.0.0.1", False),
        (("fe80::1%eth0", 5, 0, 2), "fe80::1", False),
        (("2001:DB8::0:1", 5, 0, 0), "2001:db8::1", False),
        ("", "", False),
        (None, "", False),
        (("a name", 5), "", False),
    ],
)
def test_an_address_is_written_in_one_way_and_told_from_this_computers_own(
    address: object, ip: str, here: bool
) -> None:
    assert ip_of(address) == ip
    assert is_loopback(ip) is here


def test_the_library_that_makes_certificates_is_not_loaded_where_none_is_made() -> None:
    look = "import sys, chatroom.server.cli, chatroom.net.tls; print('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout == "False\n"
