"""What one person does in a chat: which rooms one is in, which is looked at, what is said, what is answered.

Knows views, and what is on its way. Knows nothing of what events mean (a Chat does), nor of keys, screens and commands:
what is to be seen goes to a `Screen`. One thread hears events, another one types, answers come in a third: each takes
the lock.
"""

import functools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, Protocol, TypeVar

from chatroom.client import changes, happenings, render
from chatroom.client.attention import Attention
from chatroom.client.emoji import expand
from chatroom.client.events import Receipt
from chatroom.client.outgoing import Outgoing, Words
from chatroom.client.render import Line, Look
from chatroom.client.session import Client
from chatroom.client.views import View, is_direct
from chatroom.errors import ChatError
from chatroom.messages import Kind, Message
from chatroom.text import fold

T = TypeVar("T")
M = TypeVar("M", bound=Callable[..., Any])


class Screen(Protocol):
    """Where things are seen. Any thread may call it, and it never waits."""

    def columns(self) -> int: ...
    def show(self, lines: Sequence[Line]) -> None: ...
    def refresh(self) -> None: ...
    def leave(self) -> None: ...
    def edit(self, text: str) -> None: ...
    def ask_secret(self, question: str, then: Callable[[str], object]) -> None:
        """Asks for what nobody else may see. Who does not want to answer answers with nothing."""


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
    def call(self: "Conversation", *arguments: Any, **named: Any) -> Any:
        with self.lock:
            return method(self, *arguments, **named)

    return call  # type: ignore[return-value]


class Conversation:
    """As it is at the moment. Its other half is the Chat. Any thread may call it; each takes the lock."""

    def __init__(self, client: Client, screen: Screen, attention: Attention, manner: Manner) -> None:
        self.client = client
        self.screen = screen
        self.attention = attention
        self.manner = manner
        self.lock = threading.RLock()
        self.room = ""
        """The room that is looked at, and that typed text goes to; or none."""
        self.outgoing = Outgoing(client.unsent)
        self._views: dict[str, View] = {}
        self._entering: set[str] = set()
        self._day = render.day_of(time.time_ns() // 1_000_000)

    def look(self) -> Look:
        """How lines are made, on a screen as wide as this one."""
        return self.manner.look.at(self.screen.columns())

    @locked
    def tell(self, mark: str, text: str) -> None:
        self.screen.show([render.status(mark, text)])

    def ask(
        self,
        question: Future[T],
        then: Callable[[T], object] = lambda _: None,
        otherwise: Callable[[ChatError], object] | None = None,
    ) -> None:
        """Goes on with the answer when it comes; a refusal is told, unless something else is to be done."""

        def answered(question: Future[T]) -> None:
            with self.lock:
                try:
                    then(question.result())
                except ChatError as error:
                    otherwise(error) if otherwise else self.tell("!", error.text)

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
        return self._is_looked_at(view.name)

    def _is_looked_at(self, room: str) -> bool:
        return self.manner.all_rooms or fold(room) == fold(self.room)

    @locked
    def enter(self, room: str) -> None:
        """Turns to a room; to one that we are not in, once the server has let us in."""
        if view := self.view(room):
            self.turn(view)
            return
        self._entering.add(fold(room))
        self.ask(self.client.join(room), otherwise=lambda refusal: self._not_entered(room, refusal))

    def _not_entered(self, room: str, refusal: ChatError) -> None:
        self._entering.discard(fold(room))
        self.tell("!", refusal.text)

    @locked
    def turn(self, view: View) -> None:
        """Looks at a room that we are in."""
        self.room = view.name
        self._tell_reactions(view)
        kept, dropped = view.look()
        lines = [render.room_header(view.name, view.topic)]
        if dropped:
            lines.append(render.status("*", f"{dropped} older lines are passed over; /history shows older messages."))
        self.screen.show([*lines, *kept])
        self.screen.refresh()

    # ---------------------------------------------------------------------------------------------- saying

    @locked
    def say(
        self,
        text: str,
        kind: Kind = "text",
        reply_to: int | None = None,
        *,
        room: str = "",
        to: Sequence[str] | None = None,
        once: bool = False,
    ) -> None:
        """Says it in the room that is looked at, or in another. It stays below until it is stored, or refused and
        forgotten."""
        here = None if room else self.here()
        if name := room or (here.name if here else ""):
            names = None if to is None else tuple(to)
            self.send(Words(self.client.new_id(), name, expand(text), kind, reply_to, names, once))

    def send(self, words: Words) -> None:
        """To a person with whom there is no conversation yet, one begins."""
        self.outgoing.add(words)
        if is_direct(words.room) and not self.view(words.room):
            self.ask(self.client.join(words.room))
        receipt = self.client.say(
            words.room, words.text, kind=words.kind, reply_to=words.reply_to, to=words.to, once=words.once, id=words.id
        )
        is_elsewhere = not self._is_looked_at(words.room)
        receipt.add_done_callback(lambda receipt: self._receipted(receipt, words, is_elsewhere=is_elsewhere))
        self.screen.refresh()

    def _receipted(self, receipt: Future[Receipt], words: Words, *, is_elsewhere: bool) -> None:
        """A refusal is heard as an event; and what is still unsent at the end is kept by the client."""
        if receipt.exception():
            return
        with self.lock:
            self.outgoing.stored(words.id)
            if is_elsewhere:
                self.screen.show([happenings.said_elsewhere(words.room, "" if words.once else words.text)])

    # ------------------------------------------------------------------------------------------- what is seen

    def line_of(self, view: View, said: Message, *, is_mention: bool = False, handle: bool = False) -> Line:
        return render.message(
            said,
            self.look(),
            room_tag=bool(self.tag_of(view)),
            mention=is_mention,
            handle=render.handle_of(said.seq) if handle or self.manner.handles else "",
            reply_to=view.message(said.reply_to),
        )

    def tag_of(self, view: View) -> str:
        """The room's name, where a line does not go without it."""
        return view.name if self.manner.all_rooms and fold(view.name) != fold(self.room) else ""

    def put(self, view: View, lines: Sequence[Line], seq: int = 0, quotes: int = 0) -> None:
        """Shows what is to be seen in this room: now, or when somebody looks."""
        if not self.is_looked_at(view):
            view.keep(lines, seq, quotes)
        elif lines:
            self.screen.show(lines)

    def _tell_reactions(self, view: View) -> None:
        for events in view.take_reactions():
            target = events[0].target
            self.put(view, changes.reactions(events, view.message(target)), quotes=target)

    def to_be_seen_once(self) -> tuple[View, Message] | None:
        """The oldest of it, where one looks."""
        waiting = ((view, said) for view in self.views() if self.is_looked_at(view) for said in view.once.values())
        return next(waiting, None)

    @locked
    def saw_once(self, view: View, said: Message) -> None:
        """It was shown, and is no more: the server may erase it, too."""
        view.once.pop(said.seq, None)
        self._tell_what_was_read(view)

    def _tell_what_was_read(self, view: View) -> None:
        read = view.read_until()
        if read > view.told and not self.client.outage:
            view.told = read
            self.client.seen(view.name, read)
