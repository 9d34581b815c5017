"""What a client says to each kind of server, and how what it hears is read. Pure bytes: no sockets, no clock."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

from .figures import Heard, text_of

BLOB = "########"  # stands for the blob's number in a pattern, as long as the number

Step = tuple[bytes, bytes]
"""What to send, and the bytes in the answer that say it is done."""


@dataclass(frozen=True)
class Dialect:
    """How one protocol is spoken. ``echoes``: does a sender get its own messages?"""

    echoes: bool
    greet: Callable[[str], Step]  # username
    join: Callable[[str], Step]  # room
    barrier: Step
    say: Callable[[str, str, str], bytes]  # room, id, text
    heard: Callable[[bytes], Iterator[Heard]]

    def deliveries(self, messages: int, clients: int) -> int:
        return messages * (clients if self.echoes else clients - 1)


@dataclass(frozen=True)
class Flood:
    """One sender's endless flood, in blobs of ``burst`` messages that differ only in the blob's number."""

    pattern: bytes

    @classmethod
    def of(cls, dialect: Dialect, room: str, sender: int, size: int, burst: int) -> Self:
        texts = (text_of(sender, BLOB, place, size) for place in range(burst))
        return cls(b"".join(dialect.say(room, f"{BLOB}-{place:03d}", text) for place, text in enumerate(texts)))

    def blob(self, number: int) -> bytes:
        return self.pattern.replace(BLOB.encode(), b"%08d" % number)


def _frame(**members: object) -> bytes:
    body = json.dumps(members, separators=(",", ":")).encode()
    return len(body).to_bytes(4, "big") + body


def _native_greet(username: str) -> Step:
    return (_frame(type="hello", protocol=1, username=username), b'"type":"welcome"')


def _native_join(room: str) -> Step:
    return (_frame(type="join", room=room, recent=0), b'"type":"live"')


def native_replay(room: str) -> Step:
    """Join a room and be sent all that was ever said in it."""
    return (_frame(type="join", room=room, since=0), b'"type":"live"')


def native_page(room: str, after: int) -> Step:
    """Ask for the next page of the history."""
    return (_frame(type="history", room=room, after=after, limit=200), b'"more":')


def _native_say(room: str, ident: str, text: str) -> bytes:
    return _frame(type="say", id=ident, room=room, message=text)


def _native_heard(stream: bytes) -> Iterator[Heard]:
    at = 0
    while (end := at + 4 + int.from_bytes(stream[at : at + 4], "big")) <= len(stream) and end > at + 4:
        frame = json.loads(stream[at + 4 : end])
        if frame["type"] == "message":
            yield Heard(frame["seq"], frame["message"])
        at = end


def _irc_greet(username: str) -> Step:
    return (f"NICK {username}\r\nUSER {username} 0 * :{username}\r\n".encode(), b" 001 ")


def _irc_join(room: str) -> Step:
    return (f"JOIN #{room}\r\n".encode(), b" 366 ")


def _irc_say(room: str, _ident: str, text: str) -> bytes:
    return f"PRIVMSG #{room} :{text}\r\n".encode()


def _nats_greet(_username: str) -> Step:
    return (b'CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n', b"PONG\r\n")


def _nats_join(room: str) -> Step:
    return (f"SUB {room} 1\r\nPING\r\n".encode(), b"PONG\r\n")


def _nats_say(room: str, _ident: str, text: str) -> bytes:
    return f"PUB {room} {len(text)}\r\n{text}\r\n".encode()


def _lines_heard(line: re.Pattern[bytes]) -> Callable[[bytes], Iterator[Heard]]:
    return lambda stream: (Heard(0, match[1].decode()) for match in line.finditer(stream))


NATIVE = Dialect(
    echoes=True,
    greet=_native_greet,
    join=_native_join,
    barrier=(_frame(type="ping", data="level"), b'"type":"pong"'),
    say=_native_say,
    heard=_native_heard,
)
IRC = Dialect(
    echoes=False,
    greet=_irc_greet,
    join=_irc_join,
    barrier=(b"PING :level\r\n", b" PONG "),
    say=_irc_say,
    heard=_lines_heard(re.compile(rb" PRIVMSG #[^ ]+ :([^\r\n]*)\r\n")),
)
NATS = Dialect(
    echoes=True,
    greet=_nats_greet,
    join=_nats_join,
    barrier=(b"PING\r\n", b"PONG\r\n"),
    say=_nats_say,
    heard=_lines_heard(re.compile(rb"MSG [^\r\n]+\r\n([^\r\n]*)\r\n")),
)
