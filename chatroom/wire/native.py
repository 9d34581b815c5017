"""The native dialect: a 4-byte big-endian length, then one JSON object in UTF-8.

Knows frames, their limits, and what is wrong with a bad one. Knows nothing of what a message means.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from struct import Struct
from typing import Any, Generic, TypeVar, get_args

import msgspec
from msgspec.inspect import StructType, type_info

from chatroom.messages import EVENT_FRAME, REQUEST_FRAME, AnyEvent, AnyRequest, Error, Event, Request
from chatroom.text import visible
from chatroom.wire.dialect import Dialect, Printable, Unreadable

M = TypeVar("M")

DEEPEST = 16
"""How deep arrays and objects may be nested, the frame's own object included."""

_HEADER = Struct(">I")
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_ID = re.compile(r"[ -~]{1,64}")
_STEP = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}

_unpack_length = _HEADER.unpack_from
_pack_length = _HEADER.pack
_encode_body = msgspec.json.Encoder().encode
_encode_lines = msgspec.json.Encoder().encode_lines  # half the cost of one by one


def encode(messages: Sequence[Event | Request]) -> bytes:
    """The messages as frames, one after the other."""
    # msgspec (0.22) never frees the iterator that it makes for anything but a list.
    bodies = _encode_lines(messages if isinstance(messages, list) else list(messages)).split(b"\n")
    bodies.pop()
    if len(bodies) != len(messages):  # one passes on what came with a newline in it
        bodies = [*map(_encode_body, messages)]
    frames = [b""] * (2 * len(bodies))
    frames[0::2] = map(_pack_length, map(len, bodies))
    frames[1::2] = bodies
    return b"".join(frames)


def fatal(code: str, text: str, id: str | None = None) -> Error:
    return Error(code=code, text=text, fatal=True, id=id)


class Vocabulary(Generic[M]):
    """The messages that one side may read, and how long their frames may be. Shared by all codecs of that side."""

    def __init__(self, messages: Any, largest: int) -> None:
        self.decode: Callable[[bytes], M] = msgspec.json.Decoder(messages).decode
        self.types = frozenset(_types_of(messages))
        self.largest = largest


class FrameCodec(Generic[M]):
    """Reads frames whose bodies are messages of one vocabulary."""

    __slots__ = ("_broken", "_buffer", "_needed", "_vocabulary")

    def __init__(self, vocabulary: Vocabulary[M]) -> None:
        self._vocabulary = vocabulary
        self._buffer = bytearray()
        self._needed = _HEADER.size
        self._broken = False

    def receive(self, data: bytes) -> list[M | Unreadable]:
        if self._broken:
            return []
        self._buffer += data
        if len(self._buffer) < self._needed:
            return []
        bodies, bad = self._split()
        items = self._read_all(bodies)
        if bad and not self._broken:
            items.append(self._break(bad))
        return items

    def _split(self) -> tuple[list[bytes], Unreadable | None]:
        """The bodies that are complete, and what is wrong with the length after them. Judged on the length alone."""
        data, bodies, bad = bytes(self._buffer), [], None
        start, end, largest, header = 0, len(data), self._vocabulary.largest, _HEADER.size
        self._needed = header
        while (body_at := start + header) <= end:
            (size,) = _unpack_length(data, start)
            if not 0 < size <= largest:
                bad = self._bad_length(size)
                break
            if body_at + size > end:
                self._needed = header + size
                break
            start = body_at + size
            bodies.append(data[body_at:start])
        del self._buffer[:start]
        return bodies, bad

    def _bad_length(self, size: int) -> Unreadable:
        if size == 0:
            return _bad_frame("A frame must have a body; this one's length is 0.")
        return Unreadable(
            fatal("too_large", f"A frame has at most {self._vocabulary.largest} bytes; this one has {size}.")
        )

    def _break(self, last: Unreadable) -> Unreadable:
        """After a frame that breaks the stream nothing more can be read, or is kept."""
        self._broken = True
        self._buffer.clear()
        return last

    def _read_all(self, bodies: list[bytes]) -> list[M | Unreadable]:
        if _are_plain(bodies):
            try:
                return Printable(map(self._vocabulary.decode, bodies))
            except (msgspec.MsgspecError, ValueError):
                pass  # something is wrong with one of them: each is looked at by itself
        items: list[M | Unreadable] = []
        for body in bodies:
            item = self._read(body)
            items.append(item)
            if type(item) is Unreadable and item.error.fatal:
                self._break(item)
                break
        return items

    def _read(self, body: bytes) -> M | Unreadable:
        """One body, by all the rules."""
        if not (body.isascii() or _is_utf8(body)):
            return _bad_frame("A frame must be UTF-8.")
        if _depth(body) > DEEPEST:
            return _bad_frame(f"A frame may nest at most {DEEPEST} levels deep.")
        try:
            message = self._vocabulary.decode(body)
        except (msgspec.MsgspecError, ValueError) as error:
            return self._explain(body, str(error))
        if not _is_printable(getattr(message, "id", None)):
            return self._explain(body, "its id is not printable ASCII")
        return message

    def _explain(self, body: bytes, fault: str) -> Unreadable:
        """What is wrong with a body that is no message of the vocabulary."""
        try:
            members = _read_leniently(body.decode())
        except ValueError:
            return _bad_frame("A frame must hold one JSON object.")
        if not isinstance(members, dict) or not isinstance(kind := members.get("type"), str):
            return _bad_frame("A frame must hold an object with a `type`, a string.")
        code, text = "unknown_type", "This server does not know this type of request."
        if kind in self._vocabulary.types:
            # The fault may quote what the peer sent: it is made safe to show, and short.
            code, text = "bad_request", f"This {kind} cannot be read: {visible(fault):.150}."
        id = members.get("id")
        legible = id if isinstance(id, str) and _ID.fullmatch(id) else None
        return Unreadable(Error(code=code, text=text, fatal=False, id=legible), kind)


def _bad_frame(text: str) -> Unreadable:
    return Unreadable(fatal("bad_frame", text))


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _pass_over(number: str) -> None:
    """However large it is: no number is asked for."""


def _read_leniently(body: str) -> Any:
    """All that is JSON, also numbers and half characters that no message can hold."""
    return json.loads(body, parse_constant=_refuse, parse_int=_pass_over, parse_float=_pass_over)


def _are_plain(bodies: list[bytes]) -> bool:
    """Whether the bodies, as nearly all are, hold nothing that must be looked at closely: nothing is nested, and what
    decodes of them is `Printable`, for JSON has no control characters but by a backslash. Told from all of them at
    once, as that is cheap."""
    together = b"".join(bodies)
    return (
        together.isascii()
        and b"\\" not in together
        and b"\x7f" not in together
        and b"[" not in together
        and together.count(b"{") == len(bodies)  # one each, or else one of them is no object
    )


def _is_printable(id: str | None) -> bool:
    return id is None or (id.isascii() and id.isprintable())


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _depth(body: bytes) -> int:
    """How deep the brackets outside of strings nest. Counted, not parsed: no nesting can exhaust the stack."""
    depth = deepest = 0
    for byte in _STRINGS.sub(b"", body):
        depth += _STEP.get(byte, 0)
        deepest = max(deepest, depth)
    return deepest


def _types_of(messages: Any) -> Iterator[str]:
    for info in map(type_info, get_args(messages)):
        assert isinstance(info, StructType)
        yield str(info.tag)


_REQUESTS: Vocabulary[AnyRequest] = Vocabulary(AnyRequest, REQUEST_FRAME)
_EVENTS: Vocabulary[AnyEvent] = Vocabulary(AnyEvent, EVENT_FRAME)


def requests() -> FrameCodec[AnyRequest]:
    """A codec for the server's side."""
    return FrameCodec(_REQUESTS)


def events() -> FrameCodec[AnyEvent]:
    """A codec for the client's side."""
    return FrameCodec(_EVENTS)


NATIVE = Dialect("native", encode, requests)
