"""The conversation as it is heard: what each event means to a person, and what is shown of it.

Knows events. Knows nothing of keys, screens and commands. One thread hears events, another one ticks: each takes the
lock.
"""

import math
import time
from collections.abc import Callable
from typing import Any

from chatroom.client import changes, happenings, render
from chatroom.client.attention import Attention
from chatroom.client.conversation import Conversation, Manner, Screen, locked
from chatroom.client.events import Back, Offline, Online, Reset, Unsayable
from chatroom.client.render import Line
from chatroom.client.session import Client
from chatroom.client.views import View, is_direct
from chatroom.messages import Deleted, Edited, Joined, Left, Live, Message, Reacted, Room, Rooms, Topic
from chatroom.text import fold

COMINGS_SECONDS = 10.0
"""In a busy room, who comes and goes is told at most so often, unless somebody speaks."""

_NOT_IN = frozenset(("not_joined", "no_such_room"))


class Chat(Conversation):
    """One person's. Any thread may call it; each takes the lock."""

    def __init__(self, client: Client, screen: Screen, attention: Attention, manner: Manner) -> None:
        super().__init__(client, screen, attention, manner)
        self._comings_told = 0.0
        self._back_at = 0.0
        """When the last outage was over; none is over while there is one."""

    @locked
    def hear(self, event: object) -> None:
        """Takes it in, and shows what is worth showing: whoever sees a name may at once complete it."""
        if take_in := _TAKE_IN.get(type(event)):
            take_in(self, event)
        else:
            self._show_happening(event)

    def _show_happening(self, event: object) -> None:
        if lines := happenings.happening(event, now=time.time_ns() // 1_000_000):
            self.screen.show(lines)

    # --------------------------------------------------------------------------------------- what was said

    def _message(self, said: Message) -> None:
        view = self.view(said.room)
        if view is None:
            return
        self._tell_reactions(view)
        view.take(said)
        is_own = said.username == self.client.username
        is_new = not is_own and (not said.replayed or self._is_unread(view, said))
        is_mention = not is_own and self._is_for_me(view, said)
        self._put_message(view, said, is_new=is_new, is_mention=is_mention)
        self._count(view, said, is_new=is_new, is_mention=is_mention)
        if is_own and self.outgoing.shown(said.id):
            self.screen.refresh()
        if said.once and not is_own:
            self._show_once(view, said)
        if is_new and (trouble := self.attention.catch(render.redacted(said), is_mention=is_mention)):
            self.tell("!", trouble)

    def _put_message(self, view: View, said: Message, *, is_new: bool, is_mention: bool) -> None:
        before = self._before(view, said, is_new=is_new)
        line = self.line_of(view, said, is_mention=is_mention)
        if self.is_looked_at(view):
            self.screen.show([*before, line])
        else:
            view.keep(before)
            view.keep([line], said.seq, said.reply_to or 0)

    def _is_unread(self, view: View, said: Message) -> bool:
        """Whether it came while one was away. Who was never in a room has missed nothing, but for what was said to
        one alone."""
        return said.seq > view.read and (view.read > 0 or is_direct(view.name))

    def _count(self, view: View, said: Message, *, is_new: bool, is_mention: bool) -> None:
        if self.is_looked_at(view):
            view.shown = max(view.shown, said.seq)
        else:
            view.unread += is_new
            view.mentions += is_new and (is_mention or is_direct(view.name))

    def _show_once(self, view: View, said: Message) -> None:
        """Below, until a key is pressed; where nothing is redrawn, only when it is asked for."""
        view.hold(said)
        if self.manner.plain:
            self.put(view, [render.status("*", "That is to be seen once; /once shows it.")], quotes=said.seq)
        self.screen.refresh()

    def _is_for_me(self, view: View, said: Message) -> bool:
        """Whether it holds one's name, or a word to be called by, or answers one's own words, or is whispered."""
        original = view.message(said.reply_to)
        answers_me = original is not None and original.username == self.client.username
        is_called = render.is_mention(said.message, self.client.username, self.manner.highlights)
        return answers_me or is_called or said.to is not None

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

    # ---------------------------------------------------------------------------------- what became of it

    def _edited(self, event: Edited) -> None:
        """What was replayed with its new text already needs no word of that."""
        if view := self.view(event.room):
            before = view.correct(event)
            if not (event.replayed and before and before.message == event.message):
                self._put_change(view, changes.corrected(event, self.look(), before, room=self.tag_of(view)), event)
            self._pass(view, event.seq)

    def _deleted(self, event: Deleted) -> None:
        """Where its text was replayed as gone already, that needs no word more."""
        view = self.view(event.room)
        if view is None:
            return
        before = view.forget(event)
        if event.target == event.seq:
            handle = render.handle_of(event.seq) if self.manner.handles else ""
            self.put(view, [changes.erased(event, self.look(), handle=handle, room=self.tag_of(view))], event.seq)
        elif before or not event.replayed:
            if before:
                self._withdraw(view, before)
            self._put_change(view, changes.deleted(event, before), event)
        self._pass(view, event.seq)
        self.screen.refresh()

    def _withdraw(self, view: View, said: Message) -> None:
        """Nobody who looks later sees it."""
        gone = Deleted(room=said.room, seq=said.seq, time=said.time, username=said.username, target=said.seq)
        view.withdraw(said.seq, changes.erased(gone, self.look()), lambda reply: self.line_of(view, reply))

    def _reacted(self, event: Reacted) -> None:
        """Told in a moment, with all that come in it."""
        if view := self.view(event.room):
            view.react(event)
            self._pass(view, event.seq)

    def _put_change(self, view: View, line: Line, event: Edited | Deleted) -> None:
        self._tell_reactions(view)
        self.put(view, [line], quotes=event.target)

    def _pass(self, view: View, seq: int) -> None:
        if self.is_looked_at(view):
            view.shown = max(view.shown, seq)

    # ---------------------------------------------------------------------------------------- who is where

    def _comings(self, view: View) -> list[Line]:
        """In a direct room nobody comes: it is the other one's as well, wherever that one is."""
        joined, left = view.take_comings()
        if is_direct(view.name):
            joined = []
        if not (joined or left) or not self.is_looked_at(view):
            return []
        if len(left) == 1 and not joined:
            return happenings.happening(left[0], now=0)
        return [happenings.comings(view.name, joined, [event.username for event in left])]

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
            self._tell_reactions(view)
            self.screen.show(self._whereabouts(view))

    def _whereabouts(self, view: View) -> list[Line]:
        others = [name for name in view.people() if name != self.client.username]
        return happenings.whereabouts(view.name, view.topic, others)

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
            self.put(view, happenings.happening(event, now=0))

    # ---------------------------------------------------------------------------------------- the connection

    def _online(self, event: Online) -> None:
        """Somebody may have talked to us alone while we were away."""
        self.ask(self.client.rooms(), self._enter_what_is_unread)

    def _enter_what_is_unread(self, answer: Rooms) -> None:
        for info in answer.rooms:
            if is_direct(info.room) and info.unread and not self.view(info.room):
                self.client.join(info.room)

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
        """Where it was said it is seen below, with the reason; that a room could not be entered was told before."""
        is_ours = self.outgoing.refused(event.id, event.error.text)
        is_seen = self._is_looked_at(event.room) and not self.manner.plain
        is_told = is_direct(event.room) and event.error.code in _NOT_IN
        if not (is_ours and (is_seen or is_told)):
            self._show_happening(event)
        self.screen.refresh()

    # -------------------------------------------------------------------------------------------- each second

    @locked
    def tick(self) -> None:
        """Tells who came and went and who reacted, and the server what was read."""
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
            self._tell_reactions(view)
            self._tell_what_was_read(view)


_TAKE_IN: dict[type, Callable[[Chat, Any], None]] = {
    Message: Chat._message,
    Edited: Chat._edited,
    Deleted: Chat._deleted,
    Reacted: Chat._reacted,
    Room: Chat._room,
    Live: Chat._live,
    Joined: Chat._joined,
    Left: Chat._left,
    Topic: Chat._topic,
    Online: Chat._online,
    Offline: Chat._offline,
    Back: Chat._back,
    Reset: Chat._reset,
    Unsayable: Chat._unsayable,
}
