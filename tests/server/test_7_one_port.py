"""PROTOCOL part 7: the first byte of a connection says who is there, and inside TLS the first one again."""

import pytest

from tests.server.conftest import Stranger, both_ways
from tests.server.wire_client import fresh

FIRST_WORDS = {
    "a JSON line": b'{"type":"hello","protocol":1,"username":"ada"}\n',
    "a brace alone": b"{",
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "IRC CAP": b"CAP LS 302\r\n",
    "IRC NICK": b"NICK ada\r\nUSER ada 0 * :Ada\r\n",
    "IRC USER": b"USER ada 0 * :Ada\r\n",
    "IRC PASS": b"PASS secret\r\n",
    "POST": b"POST / HTTP/1.1\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.7\r\n",
    "a little-endian length": b"\x20\x00\x00\x00",
    "a length of 16 MiB": b"\x01\x00\x00\x00",
    "the longest length": b"\xff\xff\xff\xff",
    "a newline": b"\n",
    "a space": b" ",
    "a letter": b"x",
    "a megabyte of nothing in particular": b"z" * 1_000_000,
}

TLS = 0x16

tls = both_ways


@pytest.mark.parametrize("words", FIRST_WORDS.values(), ids=FIRST_WORDS.keys())
def test_who_speaks_otherwise_gets_one_error_and_is_closed(stranger: Stranger, words: bytes) -> None:
    client = stranger()
    client.send_bytes(words)
    (error,) = client.rest(patience=5)
    assert (error["type"], error["fatal"]) == ("error", True)
    assert error["text"].endswith(".")


def test_every_first_byte_but_two_is_closed_after_one_error(stranger: Stranger) -> None:
    for byte in {*range(1, 256)} - {TLS}:
        client = stranger()
        client.send_bytes(bytes([byte]))
        assert [event["type"] for event in client.rest(patience=5)] == ["error"], byte
        client.close()


def test_a_zero_byte_begins_frames(stranger: Stranger) -> None:
    client = stranger()
    client.send_bytes(b"\x00")
    client.send_bytes(b"\x00\x00\x0f" + b'{"type":"ping"}')
    assert client.receive()["type"] == "pong"
    client.hello(fresh("ada"))
