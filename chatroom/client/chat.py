"""The conversation: which rooms one is in, which is looked at, and what is shown of all that happens.

Knows what an event means to a person. Knows nothing of keys, screens and commands: what is to be seen goes to a
`Screen`. One thread hears events, another one types, answers come in a third: each takes the lock.
"""

import functools
import math
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, Protocol, TypeVar

from msgspec.structs import replace

from chatroom.client import render
from chatroom.client.attention import Attention
from chatroom.client.emoji import expand
from chatroom.client.events import Back, Offline, Receipt, Reset, Unsayable
from chatroom.client.once import Once
from chatroom.client.outgoing import Outgoing, Words
from chatroom.client.render import Line, Look
from chatroom.client.session import Client
from chatroom.client.views import View
from chatroom.errors import ChatError
from chatroom.messages import Deleted, Edited, Joined, Kind, Left, Live, Message, Reacted, Room, Rooms, Topic
from chatroom.text import fold

T = TypeVar("T")
M = TypeVar("M", bound=Callable[..., Any])

COMINGS_SECONDS = 10.0
"""In a busy room, who comes and goes is told at most so often, unless somebody speaks."""


class Screen(Protocol):
    """Where things are seen. Any thread may call it, and it never waits."""

    def columns(self) -> int: ...
    def show(self, lines: Sequence[Line]) -> None: ...
    def refresh(self) -> None: ...
    def leave(self) -> None: ...
    def edit(self, text: str) -> None: ...
    def ask_secret(self, question: str, then: Callable[[str], None]) -> None: ...


class Manner(NamedTuple):
    """How the person wants it."""

    look: Look = Look()
    highlights: tuple[str, ...] = ()
    all_rooms: bool = False
    """Whether the lines of all rooms are shown as they come."""
    handles: bool = False
    """Whether each line shows by what it can be named."""
    plain: bool = False
    """Whether everything is a line of its own, in order, and nothing is redrawn."""


def locked(method: M) -> M:
    @functools.wraps(method)
    def call(self: "Chat", *arguments: Any, **named: Any) -> Any:
        with self.lock:
            return method(self, *arguments, **named)

    return call  # type: ignore[return-value]


class Chat:
    """One person's conversation, as it is at the moment."""

    def __init__(self, client: Client, screen: Screen, attention: Attention, manner: Manner) -> None:
        self.client = client
        self.screen = screen
        self.attention = attention
        self.manner = manner
        self.lock = threading.RLock()
        self.room = ""
        """The room that is looked at, and that typed text goes to; or none."""
        self.outgoing = Outgoing(client.unsent)
        self.once = Once()
        self._views: dict[str, View] = {}
        self._entering: set[str] = set()
        self._day = render.day_of(time.time_ns() // 1_000_000)
        self._comings_told = 0.0
        self._back_at = 0.0
        """When the last outage was over; none is over while there is one."""

    def look(self) -> Look:
        """How lines are made, on a screen as wide as this one."""
        return self.manner.look.at(self.screen.columns())

    @locked
    def tell(self, mark: str, text: str) -> None:
        self.screen.show([render.status(mark, text)])

    def ask(self, question: Future[T], then: Callable[[T], object] = lambda _: None) -> None:
        """Goes on with the answer when it comes; a refusal is told."""

        def answered(question: Future[T]) -> None:
            with self.lock:
                try:
                    then(question.result())
                except ChatError as error:
                    self.tell("!", error.text)

        question.add_done_callback(answered)

    # ---------------------------------------------------------------------------------------------- rooms

    def view(self, room: str = "") -> View | None:
        """The room of that name, or the one that is looked at, if we are in it."""
        return self._views.get(fold(room or self.room))

    def views(self) -> list[View]:
        """In the order in which we came into them."""
        return list(self._views.values())

    def here(self) -> View | None:
        """The room that is looked at; where there is none, that is told."""
        if not (view := self.view()):
            self.tell("!", "You are in no room. /join ROOM enters one.")
        return view

    def is_looked_at(self, view: View) -> bool:
        return self.manner.all_rooms or fold(view.name) == fold(self.room)

    @locked
    def enter(self, room: str) -> None:
        """Turns to a room; to one that we are not in, once the server has let us in."""
        if view := self.view(room):
            self.turn(view)
            return
        self._entering.add(fold(room))
        self.ask(self.client.join(room))

    @locked
    def turn(self, view: View) -> None:
        """Looks at a room that we are in."""
        self.room = view.name
        kept, dropped = view.look()
        lines = [render.room_header(view.name, view.topic)]
        if dropped:
            lines.append(render.status("*", f"{dropped} older lines are passed over; /history shows older messages."))
        self.screen.show([*lines, *kept])
        self.screen.refresh()

    def _whereabouts(self, view: View) -> list[Line]:
        others = [name for name in view.people() if name != self.client.username]
        return render.whereabouts(view.name, view.topic, others)

    # ---------------------------------------------------------------------------------------------- saying

    @locked
    def say(self, text: str, kind: Kind = "text", reply_to: int | None = None) -> None:
        """Says it in the room that is looked at. It stays below until it is stored, or refused and forgotten."""
        if here := self.here():
            self.send(Words(secrets.token_hex(8), here.name, expand(text), kind, reply_to))

    def send(self, words: Words) -> None:
        self.outgoing.add(words)
        receipt = self.client.say(
            words.room, words.text, kind=words.kind, reply_to=words.reply_to, to=words.to or None, once=words.once,
            id=words.id,
        )  # fmt: skip
        receipt.add_done_callback(self._receipted)
        self.screen.refresh()

    def _receipted(self, receipt: Future[Receipt]) -> None:
        """A refusal is heard as an event; and what is still unsent at the end is kept by the client."""
        if not receipt.exception():
            with self.lock:
                self.outgoing.stored(receipt.result().id)

    # --------------------------------------------------------------------------------------------- hearing

    @locked
    def hear(self, event: object) -> None:
        """Takes it in, and shows what is worth showing: whoever sees a name may at once complete it."""
        if take_in := _TAKE_IN.get(type(event)):
            take_in(self, event)
        else:
            self._show_happening(event)

    def _show_happening(self, event: object) -> None:
        if lines := render.happening(event, now=time.time_ns() // 1_000_000):
            self.screen.show(lines)

    def _message(self, said: Message) -> None:
        view = self.view(said.room)
        if view is None:
            return
        is_own = said.username == self.client.username
        is_known = view.read or said.room.startswith("@")
        is_new = not is_own and (not said.replayed or bool(is_known and view.read < said.seq))
        if said.once:
            if not is_own:
                self.once.add(said)
            said = replace(said, message=render.ONCE)  # no pop-up shows it, and nothing else remembers it
        view.take(said)
        is_mention = not is_own and self._is_for_me(view, said)
        lines = [*self._before(view, said, is_new=is_new), self.line_of(view, said, is_mention=is_mention)]
        if self.is_looked_at(view):
            self.screen.show(lines)
            view.shown = max(view.shown, said.seq)
        else:
            view.keep(lines)
            view.unread += is_new
            view.mentions += is_new and is_mention
        if is_own and self.outgoing.shown(said.id):
            self.screen.refresh()
        if is_new and (trouble := self.attention.catch(said, is_mention=is_mention)):
            self.tell("!", trouble)

    def _is_for_me(self, view: View, said: Message) -> bool:
        """Whether it holds one's name, or a word to be called by, or answers one's own words."""
        original = view.message(said.reply_to)
        answers_me = original is not None and original.username == self.client.username
        return answers_me or render.is_mention(said.message, self.client.username, self.manner.highlights)

    def line_of(self, view: View, said: Message, *, is_mention: bool = False, handle: bool = False) -> Line:
        return render.message(
            said,
            self.look(),
            room_tag=self.manner.all_rooms and fold(said.room) != fold(self.room),
            mention=is_mention,
            handle=render.handle_of(said.seq) if handle or self.manner.handles else "",
            reply_to=view.message(said.reply_to),
        )

    def _before(self, view: View, said: Message, *, is_new: bool) -> list[Line]:
        """What stands before a message: a new day, who came and went, where the new ones begin."""
        lines = self._comings(view)
        day, known = render.day_of(said.time), self._day if self.manner.all_rooms else view.day or self._day
        if day != known:
            lines.append(render.day(said.time))
        view.day = self._day = day
        if is_new and self._begins_what_is_new(view, said):
            lines.append(render.new_since(said.time))
            view.is_marked = True
        return lines

    def _begins_what_is_new(self, view: View, said: Message) -> bool:
        if self.is_looked_at(view):
            return said.replayed and not view.is_marked
        return not view.unread

    def _comings(self, view: View) -> list[Line]:
        joined, left = view.take_comings()
        if not (joined or left) or not self.is_looked_at(view):
            return []
        if len(left) == 1 and not joined:
            return render.happening(left[0], now=0)
        return [render.comings(view.name, joined, [event.username for event in left])]

    def _room(self, room: Room) -> None:
        key = fold(room.room)
        if view := self.view(room.room):
            view.enter(room)
            return
        self._views[key] = View(room)
        if key in self._entering:
            if self.room and key != fold(self.room):
                self.screen.show([render.room_header(room.room, room.topic)])
            self.room = room.room
            self.screen.refresh()

    def _live(self, live: Live) -> None:
        """We are told where we are after what was said there before: it stays on the screen."""
        view = self.view(live.room)
        if trouble := self.attention.settle():
            self.tell("!", trouble)
        if view and fold(live.room) in self._entering:
            self._entering.discard(fold(live.room))
            self.screen.show(self._whereabouts(view))

    def _joined(self, event: Joined) -> None:
        if view := self.view(event.room):
            view.comes(event)

    def _left(self, event: Left) -> None:
        view = self.view(event.room)
        if event.username == self.client.username:
            self._show_happening(event)
            self._leave(event.room)
        elif view:
            view.goes(event)

    def _leave(self, room: str) -> None:
        """We are in that room no more, and turn to one that we are in."""
        self._views.pop(fold(room), None)
        self._entering.discard(fold(room))
        if fold(room) != fold(self.room):
            return
        self.room = ""
        if others := self.views():
            self.turn(others[0])
        else:
            self.tell("*", "/join ROOM enters another room.")
        self.screen.refresh()

    def _topic(self, event: Topic) -> None:
        view = self.view(event.room)
        if view:
            view.topic = event.topic
            lines = render.happening(event, now=0)
            self.screen.show(lines) if self.is_looked_at(view) else view.keep(lines)

    def _offline(self, event: Offline) -> None:
        """What comes after it is new. The trouble itself stands in the bar."""
        for view in self.views():
            view.lose()
            view.read = max(view.read, view.shown)
            view.is_marked = False
        self._back_at = math.inf
        if self.manner.plain:
            self._show_happening(event)
        self.screen.refresh()

    def _back(self, event: Back) -> None:
        self._back_at = time.monotonic()
        self._show_happening(event)
        self.screen.refresh()

    def _reset(self, event: Reset) -> None:
        self._show_happening(event)
        if view := self.view(event.room):
            view.restart()

    def _unsayable(self, event: Unsayable) -> None:
        if not self.outgoing.refused(event.id, event.error.text) or self.manner.plain:
            self._show_happening(event)
        self.screen.refresh()

    # -------------------------------------------------------------------------------------------- each second

    @locked
    def tick(self) -> None:
        """Tells who came and went, and the server what was read."""
        self.outgoing.sweep()
        now = time.monotonic()
        if now >= self._comings_told + COMINGS_SECONDS:
            lines = [line for view in self.views() for line in self._comings(view)]
            if lines:
                self.screen.show(lines)
                self._comings_told = now
        for view in self.views():
            if now >= self._back_at + COMINGS_SECONDS:
                view.settle()
            seen = self.once.before(view.name, view.shown)
            if seen > view.told and not self.client.outage:
                view.told = seen
                self.client.seen(view.name, seen)

    @locked
    def pressed(self) -> None:
        """A key was pressed: what was to be seen once has been seen."""
        if hidden := self.once.hide():
            self.client.seen(hidden.room, hidden.seq)
            if view := self.view(hidden.room):
                view.forget(hidden.seq)
            self.screen.refresh()

    @locked
    def open_directs(self, rooms: Rooms) -> None:
        """Goes, without turning there, to where somebody wrote meanwhile."""
        for info in rooms.rooms:
            if info.unread and info.room.startswith("@"):
                self.ask(self.client.join(info.room))

    def _changed(self, event: Edited | Deleted | Reacted) -> None:
        """A correction, a deletion or a reaction: a line of its own, and what is remembered follows it."""
        view = self.view(event.room)
        if view is None:
            return
        lines = [render.change(event, view.message(event.target), self.look())]
        view.change(event)
        self.screen.show(lines) if self.is_looked_at(view) else view.keep(lines)
        if self.is_looked_at(view):
            view.shown = max(view.shown, event.seq)


_TAKE_IN: dict[type, Callable[[Chat, Any], None]] = {
    Message: Chat._message,
    Edited: Chat._changed,
    Deleted: Chat._changed,
    Reacted: Chat._changed,
    Room: Chat._room,
    Live: Chat._live,
    Joined: Chat._joined,
    Left: Chat._left,
    Topic: Chat._topic,
    Offline: Chat._offline,
    Back: Chat._back,
    Reset: Chat._reset,
    Unsayable: Chat._unsayable,
}
