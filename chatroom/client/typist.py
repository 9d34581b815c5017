"""Whoever sits at the keyboard: what a typed line does, and what stands around it.

Knows how a line is told from a command, and the words of prompt and bar. Knows nothing of keys and escape sequences.
Called by the terminal's thread.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from prompt_toolkit.history import History

from chatroom.client import commands, complete, render
from chatroom.client.chat import Chat
from chatroom.client.complete import Candidates, Word
from chatroom.client.render import Line
from chatroom.client.views import View
from chatroom.messages import Message
from chatroom.text import fold, visible

QUIT = "q"
MOST_UNSTORED = 5
"""So much of what is not stored yet is shown at most."""

CTRL_C = "Nothing is typed. q leaves, and so does Ctrl-D; Ctrl-C only clears a line."


class Typist:
    """The partner of a terminal, for one conversation."""

    def __init__(
        self, chat: Chat, draw: Callable[[Iterable[Line]], list[str]], history_of: Callable[[str], History]
    ) -> None:
        self._chat = chat
        self._draw = draw
        self._history_of = history_of
        self._glimpsed: tuple[View, Message] | None = None
        """What is shown just now, to be seen once."""
        self._candidates = Candidates(
            commands=tuple(commands.COMMANDS),
            people=(),
            rooms=(),
            arguments={command.name: command.takes for command in commands.COMMANDS.values()},
        )

    # ------------------------------------------------------------------------------------------ what is seen

    @property
    def room(self) -> str:
        return self._chat.room

    def prompt(self) -> str:
        """`lobby · ops 3 · @bob 1`: the room, and what is unread elsewhere."""
        with self._chat.lock:
            others = [f"{visible(view.name)} {view.unread}" for view in self._chat.views() if view.unread]
        return " · ".join([visible(self._chat.room), *others])

    def unstored(self) -> Sequence[str]:
        manner = self._chat.manner
        if manner.plain:
            return ()
        with self._chat.lock:
            look = self._chat.look()
            words = list(self._chat.outgoing.within(None if manner.all_rooms else self._chat.room))
        lines = [render.pending(each.text, each.kind, look, to=each.to, refusal=each.refusal) for each in words]
        more = len(lines) - MOST_UNSTORED
        if more > 0:
            lines[MOST_UNSTORED:] = [render.status("*", f"and {more} more")]
        return self._draw(lines)

    def glimpse(self) -> Sequence[str]:
        if self._chat.manner.plain:
            return ()
        with self._chat.lock:
            self._glimpsed = self._chat.to_be_seen_once()
            look = self._chat.look()
        return self._draw([render.revealed(self._glimpsed[1], look)]) if self._glimpsed else ()

    def glimpsed(self) -> None:
        if self._glimpsed:
            self._chat.saw_once(*self._glimpsed)

    def bar(self) -> str:
        """`link lost 10:42, retrying in 4 s, 2 unsent`, or nothing, as long as all is well."""
        if self._chat.manner.plain:
            return ""
        with self._chat.lock:
            waiting, refused = self._chat.outgoing.waiting(), self._chat.outgoing.has_refused()
        parts = self._trouble(waiting)
        if refused:
            parts.append("not sent: /retry or /discard")
        return ", ".join(parts)

    def _trouble(self, waiting: int) -> list[str]:
        outage = self._chat.client.outage
        if outage is None:
            return []
        lost = f"link lost {datetime.fromtimestamp(outage.since / 1_000).astimezone():%H:%M}"
        wait = None if outage.retry_at is None else max(0, round(outage.retry_at - time.monotonic()))
        retry = f"retrying in {wait} s" if wait else "connecting ..."
        return [lost, retry, *([f"{waiting} unsent"] if waiting else [])]

    # ----------------------------------------------------------------------------------------- what is typed

    def typed(self, text: str, pasted: bool = False) -> None:
        """Does what the line asks. What was pasted is said as it is, unless it is a single line with a command."""
        line = text.strip()
        if pasted and ("\n" in line or line == QUIT):
            self._chat.say(text.strip("\n"))
        elif line == QUIT:
            self._chat.screen.leave()
        elif line.startswith("/"):
            self._slash(text, line)
        elif line:
            self._chat.say(text.rstrip())

    def _slash(self, text: str, line: str) -> None:
        """Two slashes send one. A blank before the slash is a slip, of which nobody can tell what was meant."""
        if line.startswith("//"):
            self._chat.say(line[1:])
            return
        with self._chat.lock:
            (commands.do if text.startswith("/") else commands.decline)(self._chat, line)

    def interrupted(self) -> None:
        self._chat.tell("*", CTRL_C)

    def go_to(self, number: int) -> None:
        with self._chat.lock:
            if number <= len(views := self._chat.views()):
                self._chat.turn(views[number - 1])

    def go_on(self) -> None:
        """Mentions first, then in the order of the rooms."""
        with self._chat.lock:
            unread = [view for view in self._chat.views() if view.unread]
            if unread:
                self._chat.turn(max(unread, key=lambda view: bool(view.mentions)))

    def complete(self, before: str) -> Iterable[Word]:
        with self._chat.lock:
            view = self._chat.view()
            people = view.speakers_first() if view else ()
            views = self._chat.views()
        own = self._chat.client.username
        others = [name for name in people if name != own]
        known = {fold(name) for name in (own, *others)}
        elsewhere = {fold(name): name for each in views for name in each.people() if fold(name) not in known}
        rooms = [each.name for each in views]
        found = self._candidates._replace(people=others, rooms=rooms, elsewhere=[*elsewhere.values()])
        return complete.words(before, found)

    def history(self) -> History:
        return self._history_of(self._chat.room)

    def tick(self) -> None:
        self._chat.tick()
