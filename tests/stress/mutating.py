"""What was right once, and what becomes of it on a bad day: bytes flipped, cut out, said twice and spliced; members of
a wrong type, too deep, too long, twice, or left out. Everything is decided by the `Random` that is given.

Knows bytes and JSON. Knows nothing of the package under test, and judges nothing.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from random import Random
from typing import Any

MOST_MUTATIONS = 4

SPOILERS = (
    b"\x00", b"\xff", b"\x7f", b"\x1b[31m", b"\n", b"\\", b'"', b"\\u0000", b"\\ud800", b"\xed\xa0\x80", b"\xc0\xaf",
    b"\xef\xbb\xbf", b"{", b"}", b"[", b"]", b",", b":", b"[" * 20, b'{"a":' * 20, b"9" * 400, b"-1e400", b"null",
    b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x00\x01\x00\x01", b"\x16\x03\x01", b"+", b"=", b"#",
)  # fmt: skip


def _flip(data: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << random.randrange(8))]) + data[at + 1 :]


def _cut_out(data: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, random)
    return data[:start] + data[end:]


def _cut_off(data: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    return data[: random.randrange(len(data))]


def _say_twice(data: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, random)
    return data[:end] + data[start:]


def _splice(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    other = random.choice(others)
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def _spoil(data: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, random)
    return data[:start] + random.choice(SPOILERS) + data[end if random.random() < 0.5 else start :]


def _span(data: bytes, random: Random) -> tuple[int, int]:
    start = random.randrange(len(data))
    return start, min(len(data), start + random.choice((1, 2, 4, 30)))


MUTATIONS = (_flip, _cut_out, _cut_off, _say_twice, _splice, _spoil)


def mutated(random: Random, examples: Sequence[bytes]) -> bytes:
    """One of the examples, as it is or with some things wrong."""
    data = random.choice(examples)
    for _ in range(random.randrange(MOST_MUTATIONS + 1)):
        if data:
            data = random.choice(MUTATIONS)(data, random, examples)
    return data


def chopped(random: Random, data: bytes, most: int = 8) -> Iterator[bytes]:
    """The same bytes, in any pieces; at times each alone."""
    if len(data) < 200 and random.random() < 0.1:
        return iter([data[at : at + 1] for at in range(len(data))])
    cuts = sorted(random.randrange(len(data) + 1) for _ in range(random.randrange(most + 1)))
    return iter([data[start:end] for start, end in pairwise([0, *cuts, len(data)])])


# ---------------------------------------------------------------------------------------------------------- requests

REQUESTS: tuple[dict[str, Any], ...] = (
    {"type": "hello", "protocol": 1, "username": "fay", "session": "x", "agent": "fuzz"},
    {"type": "hello", "protocol": 1, "username": "fay", "password": "12345678"},
    {"type": "join", "room": "den", "since": 0, "epoch": "x"},
    {"type": "join", "room": "lobby", "recent": 5},
    {"type": "join", "room": "@ada"},
    {"type": "leave", "room": "den"},
    {"type": "say", "id": "1", "room": "den", "message": "hello", "kind": "action", "reply_to": 1},
    {"type": "say", "id": "2", "room": "den", "message": "psst", "to": ["ada"]},
    {"type": "say", "id": "3", "room": "den", "message": "burns", "once": True},
    {"type": "edit", "room": "den", "seq": 1, "message": "better"},
    {"type": "delete", "room": "den", "seq": 1},
    {"type": "react", "room": "den", "seq": 1, "emoji": "👍", "on": True},
    {"type": "history", "room": "den", "before": 9, "limit": 5},
    {"type": "history", "room": "den", "after": 0},
    {"type": "search", "query": "hello wor", "room": "den", "from": "fay", "limit": 5},
    {"type": "who", "room": "den"},
    {"type": "rooms"},
    {"type": "topic", "room": "den", "topic": "lunch"},
    {"type": "seen", "room": "den", "seq": 1},
    {"type": "register", "password": "short"},
    {"type": "password", "old": "12345678", "new": "short"},
    {"type": "kick", "username": "fay", "room": "den", "reason": "loud"},
    {"type": "mute", "username": "fay", "seconds": 5},
    {"type": "unmute", "username": "fay"},
    {"type": "ban", "username": "nobody", "address": "192.0.2.7", "seconds": 1},
    {"type": "unban", "username": "nobody"},
    {"type": "role", "username": "fay", "role": "admin"},
    {"type": "access", "room": "den", "private": True},
    {"type": "invite", "room": "den", "username": "fay"},
    {"type": "operate", "secret": "x", "action": "users", "arguments": {"name": "fay"}},
    {"type": "ping", "data": [1, {"a": None}]},
    {"type": "bye"},
)
"""One of each, with all its members; passwords that are refused before they are hashed, for that is slow by design."""


def _deep(random: Random) -> bytes:
    depth = random.choice((14, 15, 16, 17, 1_000, 30_000))
    return random.choice((b"[" * depth + b"]" * depth, b'{"a":' * depth + b"0" + b"}" * depth))


WRONG_VALUES = (
    b"null", b"true", b"false", b"0", b"-1", b"1.5", b"1e400", b"-0", b"9223372036854775807", b"9223372036854775808",
    b"9" * 5_000, b'""', b'" "', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\\u001b[2J"', b'"@"', b'"@@"',
    b'"\xe2\x80\xae"', b'"' + b"x" * 33 + b'"', b'"' + b"x" * 4_001 + b'"', '"ﷺ"'.encode() * 1, b"[]", b"{}",
    b'["ada","ada"]', b"[" + b'"x",' * 500 + b'"x"]', b'[["ada"]]', '"é̂"'.encode(), '"𝓐"'.encode(),
    b"nan", b"-Infinity", b"'x'", b"",
)  # fmt: skip


def twisted(random: Random, request: dict[str, Any]) -> bytes:
    """The request's body, with some of its members as they must not be."""
    members = [(json.dumps(name).encode(), json.dumps(value).encode()) for name, value in request.items()]
    for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
        at = random.randrange(len(members))
        name, value = members[at]
        wrong = random.choice((value, *WRONG_VALUES)) if random.random() < 0.9 else _deep(random)
        members[at : at + 1] = random.choice(
            ([], [(name, wrong)], [(name, wrong)], [(name, value), (name, wrong)], [(name, value), (b'"x"', wrong)])
        )
        members = members or [(b'"type"', b'"ping"')]
    return b"{" + b",".join(name + b":" + value for name, value in members) + b"}"
