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
    Operate,
    Ping,
    Pong,
    Rooms,
    Say,
    Seen,
    SetTopic,
    Who,
)
from chatroom.server import changing, duties, rights
from chatroom.server.hub import Hub
from chatroom.server.limits import Bucket
from chatroom.server.member import Member, reason
from chatroom.server.paging import as_fit
from chatroom.server.room import Room
from chatroom.server.store import FAR, Words
from chatroom.wire import Printable, Unreadable

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
        printable = isinstance(items, Printable)
        with self._member.busy:
            for kind, group in groupby(items, key=type):
                if kind is Say:
                    self._say(cast(list[Say], list(group)), printable=printable)
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
            kind = type(item)
            rights.require(self._member.role, kind, is_moderated=self._hub.accounts.has_moderators())
            if kind in COSTLY:
                self._wait_for_token()
            answer = HANDLERS[kind](self._hub, self._member, item)
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

    def _say(self, says: Sequence[Say], *, printable: bool) -> None:
        """As many at a time as the rate allows: the sender is slowed down, and nothing is lost."""
        while says and not self._member.has_ended():
            allowed = self._bucket.take(len(says), time.monotonic())
            for name, run in groupby(says[:allowed], key=attrgetter("room")):
                self._say_in(name, list(run), printable=printable)
            says = says[allowed:]
            if says:
                self._nap()

    def _wait_for_token(self) -> None:
        while not self._bucket.take(1, time.monotonic()) and not self._member.has_ended():
            self._nap()

    def _nap(self) -> None:
        time.sleep(min(self._bucket.seconds_to_next(), NAP_SECONDS))

    def _say_in(self, name: str, says: Sequence[Say], *, printable: bool) -> None:
        try:
            room = self._hub.directory.joined(self._member, name)
            may_speak = not changing.is_muted(self._hub, self._member, room)
            if may_speak:
                self._hub.directory.take_in_partner(self._member, room)
            if may_speak and (texts := _texts_if_plain(says, printable=printable)):
                self._member.post(room, texts, [say.id for say in says])
            elif words := [word for say in says if (word := self._checked(room, say))]:
                self._member.post_words(room, words)
        except (Refusal, StoreFailed) as refusal:
            self._member.answer(*(refusal_of(refusal, say.id) for say in says))

    def _checked(self, room: Room, say: Say) -> Words | None:
        """What is to be stored; what cannot be is answered at once."""
        try:
            words = changing.words_of(self._hub, self._member, room, say)
        except Refusal as refusal:
            words = refusal_of(refusal, say.id)
        if not isinstance(words, Event):
            return words
        self._member.answer(words)
        return None


def _texts_if_plain(says: Sequence[Say], *, printable: bool) -> Sequence[str]:
    """Their texts, if all are for all, answer no other, and can be stored as they stand, as nearly all can."""
    if any([say.kind != "text" or say.to is not None or say.once or say.reply_to is not None for say in says]):  # noqa: C419 (a list is faster)
        return ()
    texts = [say.message for say in says]
    return texts if text.are_plain(texts, printable=printable) else ()


def refusal_of(error: Refusal | StoreFailed, id: str | None, *, fatal: bool = False) -> Error:
    """The error as a message."""
    code = error.code if isinstance(error, Refusal) else "store_failed"
    registered = isinstance(error, Refusal) and error.registered
    return Error(code=code, text=error.text, fatal=fatal, id=id, registered=registered)


# ----------------------------------------------------------------------------------------------- the other requests


def _hello(hub: Hub, member: Member, request: Hello) -> Event:
    raise Refusal("bad_request", f"You are in already, as {member.username}.")


def _join(hub: Hub, member: Member, request: Join) -> None:
    hub.directory.join(member, request)


def _leave(hub: Hub, member: Member, request: Leave) -> Event:
    room, seat = hub.directory.seated(member, request.room)
    hub.directory.leave(member, room, "left")
    return Left(seat.name, member.username, "left", request.id)


def _history(hub: Hub, member: Member, request: AskHistory) -> Event:
    if request.before is not None and request.after is not None:
        raise Refusal("bad_request", "A page of history lies before a seq or after one, not both.")
    room, seat = hub.directory.seated(member, request.room)
    newest = request.after is None
    after = request.after or 0
    before = FAR if request.before is None else request.before
    # One more than asked for tells whether there are others on that side.
    page = room.history(seat, after, before, request.limit + 1, newest=newest)
    shown = page[-request.limit :] if newest else page[: request.limit]
    shown = as_fit(shown[::-1], PAGE_WEIGHT)[::-1] if newest else as_fit(shown, PAGE_WEIGHT)
    return History(room=seat.name, messages=shown, more=len(shown) < len(page), id=request.id)


def _who(hub: Hub, member: Member, request: Who) -> Event:
    room = hub.directory.find(member, request.room)
    return Members(hub.directory.name_for(member, room), list(room.members()), request.id)


def _rooms(hub: Hub, member: Member, request: AskRooms) -> Event:
    return Rooms(hub.directory.rooms(member), request.id)


def _topic(hub: Hub, member: Member, request: SetTopic) -> Event:
    room = hub.directory.joined(member, request.room)
    return replace(room.set_topic(member, text.topic(request.topic)), id=request.id)


def _seen(hub: Hub, member: Member, request: Seen) -> None:
    hub.directory.see(member, request)


def _operate(hub: Hub, member: Member, request: Operate) -> Event:
    raise Refusal("bad_request", "An operator asks before a hello, not after it.")


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
    Operate: _operate,
    **changing.HANDLERS,
    **duties.HANDLERS,
}

COSTLY = frozenset((*changing.HANDLERS, *duties.HANDLERS, SetTopic))
"""What takes a token, as a say does."""
