"""Bytes <-> messages. Pure: no sockets, no threads, no clock.

A codec reads one connection's bytes in one dialect: `receive(bytes)` gives the messages that are complete, in order;
what cannot be read stands in its place as `Unreadable`. A dialect says how to write events and how to read requests.
`Packet` encodes its events at most once in each dialect, however many members get them. `who_is_there` tells from a
connection's first byte which dialect its client speaks; `TLS` is the byte of a connection that asks for encryption
first. A new front door is a module here and a row in the tables.
"""

from collections.abc import Sequence

from chatroom.messages import Error, Event
from chatroom.wire.dialect import Codec, Dialect, Printable, Unreadable
from chatroom.wire.native import NATIVE, fatal

__all__ = ["NATIVE", "TLS", "Codec", "Dialect", "Packet", "Printable", "Unreadable", "fatal", "who_is_there"]

TLS = 0x16
"""Inside it the same choice is made again, but for TLS itself."""

_DOORS = {0x00: NATIVE}

# Doors that are kept free, by their first byte: what somebody behind it is told.
_CLOSED_DOORS = {
    TLS: "TLS inside TLS is one too many; this connection is encrypted already.",
    ord("{"): "This server does not speak JSON lines; send length-prefixed frames.",
    ord("G"): "This is a chat server, not a web server; use chatroom-client.",
} | dict.fromkeys(b"CNUP", "This server does not speak IRC; use chatroom-client.")


def who_is_there(first_byte: int) -> "Dialect | Error":
    """The dialect that this first byte opens, or the one error to answer before closing."""
    if first_byte in _CLOSED_DOORS:
        return fatal("bad_frame", _CLOSED_DOORS[first_byte])
    return _DOORS.get(first_byte) or fatal("too_large", "The first frame's length is over the limit.")


class Packet:
    """Events and their bytes. Any thread may use it: two that encode at once make equal bytes."""

    __slots__ = ("_encoded", "events")

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self._encoded: dict[Dialect, bytes] = {}

    def encoded(self, dialect: Dialect) -> bytes:
        known = self._encoded.get(dialect)
        if known is None:
            known = self._encoded[dialect] = dialect.encode(self.events)
        return known
