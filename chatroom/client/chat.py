"""The conversation: which rooms one is in, who else is there, and what is shown of all that happens.

Knows what an event means to a person. Knows nothing of keys, screens and commands: what is to be seen goes to `show`.
Events are heard by one thread; another one, whose lines are typed, calls everything else.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from chatroom.client import render
from chatroom.client.events import Back, Offline
from chatroom.client.notify import Notifier
from chatroom.client.render import Line
from chatroom.client.session import Client
from chatroom.errors import ChatError
from chatroom.messages import Joined, Kind, Left, Live, Message, Room, Topic
from chatroom.text import fold

T = TypeVar("T")


class View:
    """A room that one is in, as far as one knows it."""

    def __init__(self, room: Room) -> None:
        self.name = room.room
        self.oldest = room.since + 1
        """The number of the oldest message that was shown."""
        self.enter(room)

    def enter(self, room: Room) -> None:
        self.topic = room.topic
        self._people = {fold(name): name for name in room.members}

    def add(self, name: str) -> None:
        self._people[fold(name)] = name

    def remove(self, name: str) -> None:
        self._people.pop(fold(name), None)

    def people(self) -> list[str]:
        # A copy first: another thread may be adding somebody.
        return sorted(self._people.copy().values(), key=fold)


class Chat:
    """One person's conversation, as it is at the moment."""

    def __init__(
        self,
        client: Client,
        *,
        show: Callable[[Sequence[Line]], None],
        leave: Callable[[], None],
        notifier: Notifier,
    ) -> None:
        self.client = client
        self.show = show
        self.leave = leave
        self.notifier = notifier
        self.room = ""
        """The room that typed text goes to, or none."""
        self._views: dict[str, View] = {}
        self._entering: set[str] = set()
        self.is_away = False

    def tell(self, mark: str, text: str) -> None:
        self.show([render.status(mark, text)])

    def ask(self, question: Future[T], then: Callable[[T], object] = lambda _: None) -> None:
        """Goes on with the answer when it comes; a refusal is told."""

        def answered(question: Future[T]) -> None:
            try:
                then(question.result())
            except ChatError as error:
                self.tell("!", error.text)

        question.add_done_callback(answered)

    # ---------------------------------------------------------------------------------------------- rooms

    def view(self, room: str = "") -> View | None:
        """The room of that name, or the one that typed text goes to, if we are in it."""
        return self._views.get(fold(room or self.room))

    def here(self) -> View | None:
        """The current room; where there is none, that is told."""
        if not (view := self.view()):
            self.tell("!", "You are in no room. /join ROOM enters one.")
        return view

    def enter(self, room: str) -> None:
        """Turns to a room, once the server has let us in."""
        if view := self.view(room):
            self.room = view.name
            self.show(self._whereabouts(view))
            return
        self._entering.add(fold(room))
        self.ask(self.client.join(room))

    def _whereabouts(self, view: View) -> list[Line]:
        others = [name for name in view.people() if name != self.client.username]
        return render.whereabouts(view.name, view.topic, others)

    def say(self, text: str, kind: Kind = "text") -> None:
        """Says it in the current room. It is shown when it is stored, and comes back as `Unsayable` if it never is."""
        if not (here := self.here()):
            return
        self.client.say(here.name, text, kind=kind)
        if self.is_away:
            self.tell("*", "Kept; it is said when the link is back.")

    # ---------------------------------------------------------------------------------------------- heard

    def hear(self, event: object) -> None:
        """Takes it in, and then shows what is worth showing: whoever sees a name may at once complete it."""
        room_before = self.room
        if take_in := _TAKE_IN.get(type(event)):
            take_in(self, event)
        if isinstance(event, Message):
            self.show(render.message(event, elsewhere=fold(event.room) != fold(self.room)))
        elif lines := render.happening(event, now=time.time_ns() // 1_000_000):
            self.show(lines)
        if isinstance(event, Left) and self.room != room_before:
            self.tell("*", f"You are in {self.room} now." if self.room else "/join ROOM enters another room.")

    def _message(self, message: Message) -> None:
        if view := self.view(message.room):
            view.oldest = min(view.oldest, message.seq)
        if not message.replayed and message.username != self.client.username:
            self.notifier.ring()

    def _room(self, room: Room) -> None:
        if view := self.view(room.room):
            view.enter(room)
            return
        self._views[fold(room.room)] = View(room)
        if fold(room.room) in self._entering:
            self.room = room.room

    def _live(self, live: Live) -> None:
        """We are told where we are after what was said there before: it stays on the screen."""
        view = self.view(live.room)
        if view and fold(live.room) in self._entering:
            self._entering.discard(fold(live.room))
            self.show(self._whereabouts(view))

    def _joined(self, event: Joined) -> None:
        if view := self.view(event.room):
            view.add(event.username)

    def _left(self, event: Left) -> None:
        if event.username == self.client.username:
            self._leave(event.room)
        elif view := self.view(event.room):
            view.remove(event.username)

    def _leave(self, room: str) -> None:
        """We are in that room no more, and turn to one that we are in."""
        self._views.pop(fold(room), None)
        if fold(room) == fold(self.room):
            self.room = next((view.name for view in list(self._views.values())), "")

    def _topic(self, event: Topic) -> None:
        if view := self.view(event.room):
            view.topic = event.topic

    def _offline(self, event: Offline) -> None:
        self.is_away = True

    def _back(self, event: Back) -> None:
        self.is_away = False


_TAKE_IN: dict[type, Callable[[Chat, Any], None]] = {
    Message: Chat._message,
    Room: Chat._room,
    Live: Chat._live,
    Joined: Chat._joined,
    Left: Chat._left,
    Topic: Chat._topic,
    Offline: Chat._offline,
    Back: Chat._back,
}
