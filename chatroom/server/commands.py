"""The table of requests: for each its handler. Says run as batches; everything else runs one by one, after them.

Knows the rules of each request. Knows no sockets and no bytes. Called by the member's own thread.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, cast

from msgspec.structs import replace

from chatroom import text
from chatroom.errors import Refusal, StoreFailed
from chatroom.messages import (
    EVENT_FRAME,
    AnyRequest,
    AskHistory,
    AskRooms,
    Bye,
    Error,
    Event,
    Farewell,
    Hello,
    History,
    Join,
    Leave,
    Left,
    Members,
    Ping,
    Pong,
    Rooms,
    Say,
    Seen,
    SetTopic,
    Who,
)
from chatroom.server.hub import Hub
from chatroom.server.limits import Bucket
from chatroom.server.member import Member, reason
from chatroom.server.room import Room, as_fit
from chatroom.server.store import FAR
from chatroom.wire import Unreadable

PAGE_WEIGHT = EVENT_FRAME - 4_096
"""What the messages of a page may weigh, so that it fits a frame."""


NAP_SECONDS = 0.2
"""So long a sender that is slowed down sleeps at most before it looks whether it was ended meanwhile."""


class Desk:
    """Where one member's requests are done, in the order in which they were asked."""

    __slots__ = ("_bucket", "_hub", "_member")

    def __init__(self, hub: Hub, member: Member, bucket: Bucket) -> None:
        self._hub = hub
        self._member = member
        self._bucket = bucket

    def serve(self, items: Iterable[AnyRequest | Unreadable]) -> None:
        with self._member.busy:
            for kind, group in groupby(items, key=type):
                if kind is Say:
                    self._say(cast(list[Say], list(group)))
                else:
                    self._do_each(group)

    def _do_each(self, items: Iterable[Any]) -> None:
        for item in items:
            self._member.settle()
            if self._member.has_ended():
                return
            self._do(item)

    def _do(self, item: Any) -> None:
        if isinstance(item, Unreadable):
            self._give(item.error)
            return
        try:
            answer = HANDLERS[type(item)](self._hub, self._member, item)
        except (Refusal, StoreFailed) as error:
            answer = refusal_of(error, item.id)
        if answer:
            self._give(answer)

    def _give(self, answer: Event) -> None:
        if isinstance(answer, Farewell) or (isinstance(answer, Error) and answer.fatal):
            # Gone before it is told so: with the end of the stream its name is free.
            self._hub.go(self._member, reason(answer))
            self._member.end(answer)
        else:
            self._member.answer(answer)

    # ------------------------------------------------------------------------------------------------- say

    def _say(self, says: Sequence[Say]) -> None:
        """As many at a time as the rate allows: the sender is slowed down, and nothing is lost."""
        while says and not self._member.has_ended():
            allowed = self._bucket.take(len(says), time.monotonic())
            for name, run in groupby(says[:allowed], key=attrgetter("room")):
                self._say_in(name, list(run))
            says = says[allowed:]
            if says:
                time.sleep(min(self._bucket.seconds_to_next(), NAP_SECONDS))

    def _say_in(self, name: str, says: Sequence[Say]) -> None:
        try:
            room = self._hub.joined(self._member, name)
            good = says if _are_plain(says) else [said for say in says if (said := self._checked(room, say))]
            if good:
                self._member.post(room, good)
        except Refusal as refusal:
            self._member.answer(*(refusal_of(refusal, say.id) for say in says))

    def _checked(self, room: Room, say: Say) -> Say | None:
        """What is to be stored; what cannot be is answered at once."""
        try:
            _check_extras(room, say)
            message = text.message(say.message)
        except Refusal as refusal:
            self._member.answer(refusal_of(refusal, say.id))
            return None
        return say if message is say.message else replace(say, message=message)


def _are_plain(says: Sequence[Say]) -> bool:
    """Whether all can be stored as they stand, which is so for nearly all."""
    has_extras = any([say.to is not None or say.once or say.reply_to is not None for say in says])  # noqa: C419 (a list is faster)
    return not has_extras and text.are_plain([say.message for say in says])


def _check_extras(room: Room, say: Say) -> None:
    if say.to is not None or say.once:
        raise Refusal("bad_request", "This server carries no whispers and no view-once messages.")
    if say.reply_to is not None and not 0 < say.reply_to <= room.last():
        raise Refusal("no_such_message", f"There is no message {say.reply_to} in {room.record.name}.")


def refusal_of(error: Refusal | StoreFailed, id: str | None, *, fatal: bool = False) -> Error:
    """The error as a message."""
    code = error.code if isinstance(error, Refusal) else "store_failed"
    return Error(code=code, text=error.text, fatal=fatal, id=id)


# ----------------------------------------------------------------------------------------------- the other requests


def _hello(hub: Hub, member: Member, request: Hello) -> Event:
    raise Refusal("bad_request", f"You are in already, as {member.username}.")


def _join(hub: Hub, member: Member, request: Join) -> None:
    hub.join(member, request)


def _leave(hub: Hub, member: Member, request: Leave) -> Event:
    room = hub.joined(member, request.room)
    hub.leave(member, room, "left")
    return Left(room.record.name, member.username, "left", request.id)


def _history(hub: Hub, member: Member, request: AskHistory) -> Event:
    if request.before is not None and request.after is not None:
        raise Refusal("bad_request", "A page of history lies before a seq or after one, not both.")
    room = hub.joined(member, request.room)
    newest = request.after is None
    after = request.after or 0
    before = FAR if request.before is None else request.before
    # One more than asked for tells whether there are others on that side.
    page = room.history(after, before, request.limit + 1, newest=newest)
    shown = page[-request.limit :] if newest else page[: request.limit]
    shown = as_fit(shown[::-1], PAGE_WEIGHT)[::-1] if newest else as_fit(shown, PAGE_WEIGHT)
    return History(room=room.record.name, messages=shown, more=len(shown) < len(page), id=request.id)


def _who(hub: Hub, member: Member, request: Who) -> Event:
    room = hub.find(request.room)
    return Members(room.record.name, list(room.members()), request.id)


def _rooms(hub: Hub, member: Member, request: AskRooms) -> Event:
    return Rooms(hub.rooms(), request.id)


def _topic(hub: Hub, member: Member, request: SetTopic) -> Event:
    room = hub.joined(member, request.room)
    return replace(room.set_topic(member, text.topic(request.topic)), id=request.id)


def _seen(hub: Hub, member: Member, request: Seen) -> None:
    hub.see(member, request)


def _ping(hub: Hub, member: Member, request: Ping) -> Event:
    return Pong(request.data, request.id)


def _bye(hub: Hub, member: Member, request: Bye) -> Event:
    return Farewell("bye", id=request.id)


HANDLERS: dict[type, Callable[[Hub, Member, Any], Event | None]] = {
    Hello: _hello,
    Join: _join,
    Leave: _leave,
    AskHistory: _history,
    Who: _who,
    AskRooms: _rooms,
    SetTopic: _topic,
    Seen: _seen,
    Ping: _ping,
    Bye: _bye,
}
