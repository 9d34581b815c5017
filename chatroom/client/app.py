"""One person at one terminal, from the first word to the last: comes in, converses, leaves.

Joins the parts that a terminal needs. Knows signals, and what is printed before and after the conversation. Knows
nothing of options: it gets the settings.
"""

import contextlib
import shutil
import signal
import threading
from collections.abc import Iterable, Sequence
from functools import cache, partial
from pathlib import Path

import colorama

from chatroom.client import commands, desktop, entering, entry, exits, inputs, render
from chatroom.client.attention import Attention
from chatroom.client.chat import Chat
from chatroom.client.conversation import Manner
from chatroom.client.events import Ended
from chatroom.client.notify import Notifier
from chatroom.client.paint import Painter
from chatroom.client.render import Line, Look
from chatroom.client.session import Client
from chatroom.client.settings import Settings
from chatroom.client.terminal import Terminal, ask, say
from chatroom.client.trust import data_folder
from chatroom.client.typist import Typist
from chatroom.client.wishes import Quiet, Wish, Wishes

HINT = "Type and press Enter. /help shows more, q quits."

GOODBYE_SECONDS = 3.0
"""So long what was said last may take to get its receipt when one quits."""


def converse(settings: Settings, *, colour: bool) -> int:
    """The whole visit; its exit code."""
    colorama.just_fix_windows_console()
    painter = Painter(settings.theme, colour=colour, plain=settings.plain)
    try:
        client = _come_in(settings, painter)
    except EOFError:  # Ctrl-D instead of a name
        return exits.OK
    with client:
        result = _talk(client, settings, painter, Terminal(vi=settings.keys == "vi", colour=colour))
        return _part(client, painter) or result


# ----------------------------------------------------------------------------------------------- coming in


def _tell(painter: Painter, mark: str, sentence: str) -> None:
    columns = shutil.get_terminal_size((0, 0)).columns
    say(*painter.draw([render.status(mark, sentence)], columns))


def _come_in(settings: Settings, painter: Painter) -> Client:
    """Connects, and asks for what the server wants to know until it lets us in."""
    tell = partial(_tell, painter)
    tell("*", f"Connecting to {settings.host}:{settings.port} ...")
    if not settings.name:
        entry.reach(settings, entry.trust_of(settings))
        tell("+", "Connected.")
    door = entering.Door(tell, ask, partial(ask, is_secret=True))
    client = door.enter(settings.name, partial(entry.come_in, settings, tell=partial(tell, "*")))
    if settings.name:
        tell("+", "Connected.")
    return client


# ------------------------------------------------------------------------------------------------- talking


class _Screen:
    """The terminal, as a conversation sees it: lines are painted on their way."""

    def __init__(self, terminal: Terminal, painter: Painter) -> None:
        self._terminal = terminal
        self._painter = painter
        self.columns = terminal.columns
        self.refresh = terminal.refresh
        self.edit = terminal.edit
        self.ask_secret = terminal.ask_secret

    def draw(self, lines: Iterable[Line]) -> list[str]:
        return self._painter.draw(lines, self.columns())

    def show(self, lines: Sequence[Line]) -> None:
        self._terminal.show(*self.draw(lines))

    def leave(self) -> None:
        self._terminal.leave(exits.OK)


def _talk(client: Client, settings: Settings, painter: Painter, terminal: Terminal) -> int:
    _leave_at_a_signal(terminal)
    screen = _Screen(terminal, painter)
    state = data_folder()
    with contextlib.closing(_notifier(settings, terminal)) as notifier:
        attention = Attention(
            notifier,
            Wishes(state / "wishes.json", Wish(settings.notify)),
            desktop.Popups().announce if settings.desktop else lambda said: "",
        )
        chat = Chat(client, screen, attention, _manner(settings, client.username))
        chat.tell("*", HINT)
        chat.enter(settings.room)
        threading.Thread(target=_listen, args=(client, chat, terminal), name="chatroom listener", daemon=True).start()
        history_of = cache(partial(_inputs, state / "inputs", settings))
        result = terminal.run(Typist(chat, screen.draw, history_of))
        chat.tick()  # what was read last is told, too
        return result


def _notifier(settings: Settings, terminal: Terminal) -> Notifier:
    return Notifier(terminal.bell, muted=settings.mute, sounds=settings.sounds, quiet=Quiet.of(settings.quiet))


def _manner(settings: Settings, username: str) -> Manner:
    return Manner(
        look=Look(time_format=settings.time_format, username=username),
        highlights=settings.highlight,
        all_rooms=settings.all_rooms,
        handles=settings.handles,
        plain=settings.plain,
    )


def _inputs(folder: Path, settings: Settings, room: str) -> inputs.InputHistory:
    return inputs.InputHistory(inputs.path_of(folder, settings.host, settings.port, room), commands.is_secret)


def _leave_at_a_signal(terminal: Terminal) -> None:
    """Whoever ends this process, or closes its window, gets a terminal back that is as it was."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, lambda caught, _: terminal.leave(128 + caught))


def _listen(client: Client, chat: Chat, terminal: Terminal) -> None:
    """The receiver's thread. When nothing is heard any more, the server wants us no more, unless we are leaving."""
    result = exits.FAILED
    try:
        for event in client.events():
            chat.hear(event)
            terminal.wait_for_room()
            if isinstance(event, Ended):
                result = exits.of_code(event.code) if event.code else exits.UNREACHABLE
    finally:
        terminal.leave(result)


def _part(client: Client, painter: Painter) -> int:
    """What was said last still gets its receipt; what does not is kept."""
    if client.flush(GOODBYE_SECONDS):
        return exits.OK
    count = len(client.unsent)
    _tell(painter, "!", f"{count} without a receipt yet: kept, and said at the next start under this name.")
    return exits.UNSENT
