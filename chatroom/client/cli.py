"""The command `chatroom-client`: its options, how it gets in, and how it ends.

Knows arguments, exit codes, and whether there is a terminal. Knows nothing of keys, and nothing of how a client works.
"""

import argparse
import getpass
import io
import os
import re
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import colorama

from chatroom import __version__, text
from chatroom.client import render
from chatroom.client.chat import Chat
from chatroom.client.commands import Typist
from chatroom.client.notify import Notifier
from chatroom.client.pipe import Pipe
from chatroom.client.render import Line
from chatroom.client.session import Client
from chatroom.errors import ChatError, ConnectionFailed, Refusal

# Imported where it is used: only a terminal needs it, and it takes as long as all the others together.
if TYPE_CHECKING:
    from chatroom.client.terminal import Terminal

DEFAULT_PORT = 5002
AGENT = f"chatroom-client {__version__}"
HINT = "Type and press Enter. /help shows more, q quits."

REACH_SECONDS = 10.0
GOODBYE_SECONDS = 3.0
"""So long what was said last may take to get its receipt when one quits."""

FAILED = 1
INTERRUPTED = 130

_ANOTHER_NAME = frozenset(("name_taken", "bad_name"))
"""Refusals that another name overcomes."""


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    _never_fail_on_a_character()
    try:
        return _in_terminal(options) if _is_terminal() else _in_pipe(options)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ChatError, OSError) as error:
        print(f"chatroom-client: {text.visible(str(error))}", file=sys.stderr)
        return FAILED


def _never_fail_on_a_character() -> None:
    """A console that lacks a character shows a `?` in its place."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _is_terminal() -> bool:
    """Whether somebody sits there who sees a prompt. A dumb terminal cannot keep one below what arrives."""
    both = all(stream and stream.isatty() for stream in (sys.stdin, sys.stdout))
    return both and os.environ.get("TERM") != "dumb"


# ----------------------------------------------------------------------------------------------------- options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chatroom-client",
        description="Chat in a terminal; or, in a pipe, say each line of stdin and print each message as a line.",
        epilog=f"""In a pipe, a newline within a message is printed as "{render.LINE_MARK.strip()}", and what happens
        besides messages goes to stderr. At the end of stdin the client waits for the receipts and ends with 0:
        echo "build done" | chatroom-client --name ci""",
    )
    parser.add_argument("--host", default="127.0.0.1", help="where the server runs (default: 127.0.0.1)")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help=f"its port (default: {DEFAULT_PORT})")
    parser.add_argument("--name", type=_legal(text.username), help="your name (default: asked; in a pipe, the login's)")
    parser.add_argument("--room", type=_legal(text.room_name), default="lobby", help="the room (default: lobby)")
    parser.add_argument("--mute", action="store_true", help="no sounds")
    parser.add_argument("--version", action="version", version=f"chatroom {__version__}")
    return parser


def _port(raw: str) -> int:
    if re.fullmatch("[0-9]{1,5}", raw) and 0 < int(raw) < 65_536:
        return int(raw)
    raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")


def _legal(rule: Callable[[str], str]) -> Callable[[str], str]:
    """An option's type: what the rule makes of it, or the rule's refusal as a usage error."""

    def check(raw: str) -> str:
        try:
            return rule(raw)
        except Refusal as refusal:
            raise argparse.ArgumentTypeError(refusal.text) from None

    return check


def _client(options: argparse.Namespace, name: str) -> Client:
    """A client that is in, or the error that kept it out."""
    return Client(options.host, options.port, username=name, agent=AGENT).start()


# -------------------------------------------------------------------------------------------------- a terminal


def _in_terminal(options: argparse.Namespace) -> int:
    colorama.just_fix_windows_console()
    try:
        client = _come_in(options)
    except EOFError:  # Ctrl-D instead of a name
        return 0
    with client:
        try:
            return _converse(client, options)
        finally:
            _part(client)


def _draw(lines: Iterable[Line]) -> list[str]:
    return [*map(render.plain if os.environ.get("NO_COLOR") else render.coloured, lines)]


def _say(mark: str, sentence: str) -> None:
    print(*_draw([render.status(mark, sentence)]))


def _come_in(options: argparse.Namespace) -> Client:
    """Connects, and asks for a name until the server takes it."""
    _say("*", f"Connecting to {options.host}:{options.port} ...")
    name = options.name
    if not name:
        _reach(options.host, options.port)
        _say("+", "Connected.")
    while True:
        try:
            client = _client(options, name or _ask_name())
        except Refusal as refusal:
            if refusal.code not in _ANOTHER_NAME:
                raise
            _say("!", refusal.text)
            name = None
        else:
            if options.name:
                _say("+", "Connected.")
            return client


def _reach(host: str, port: int) -> None:
    """Nobody is asked for a name in vain: is there a server at all?"""
    try:
        socket.create_connection((host, port), REACH_SECONDS).close()
    except (OSError, UnicodeError, OverflowError) as error:
        why = getattr(error, "strerror", None) or "it does not answer"
        raise ConnectionFailed(
            f"{host}:{port} cannot be reached ({why}); check the address, and that chatroom-server runs there."
        ) from None


def _ask_name() -> str:
    from chatroom.client.terminal import ask

    while True:
        try:
            return text.username(ask("Enter your name: ").strip())
        except Refusal as refusal:
            _say("!", refusal.text)


def _converse(client: Client, options: argparse.Namespace) -> int:
    from chatroom.client.terminal import Terminal

    terminal = Terminal()
    notifier = Notifier(terminal.bell, muted=options.mute)
    chat = Chat(client, show=lambda lines: terminal.show(*_draw(lines)), leave=terminal.leave, notifier=notifier)
    chat.tell("*", HINT)
    chat.enter(options.room)
    listener = threading.Thread(target=_listen, args=(client, chat, terminal), name="chatroom listener", daemon=True)
    listener.start()
    try:
        return terminal.run(Typist(chat))
    finally:
        notifier.close()


def _listen(client: Client, chat: Chat, terminal: "Terminal") -> None:
    """The receiver's thread."""
    for event in client.events():
        chat.hear(event)
        terminal.wait_for_room()
    terminal.leave(FAILED)  # unless we are leaving already, the server wants us no more


def _part(client: Client) -> None:
    if not client.flush(GOODBYE_SECONDS):
        _say("!", f"{len(client.unsent)} without a receipt yet: kept, and said at the next start under this name.")


# ------------------------------------------------------------------------------------------------------ a pipe


def _in_pipe(options: argparse.Namespace) -> int:
    print(f"[*] Connecting to {options.host}:{options.port} ...", file=sys.stderr, flush=True)
    try:
        client = _client(options, options.name or _login_name())
    except Refusal as refusal:
        advice = " Choose one with --name." if refusal.code in _ANOTHER_NAME else ""
        raise ConnectionFailed(refusal.text + advice) from refusal
    with client:
        result = Pipe(client, _lines(), sys.stdout, sys.stderr).run(options.room)
    _forget_unwritten()
    return result


def _login_name() -> str:
    """The name of who runs this, as far as it can be one here."""
    try:
        return text.username(re.sub(r"[^\w.-]+", "-", getpass.getuser()).strip("-._")[: text.USERNAME_LENGTH])
    except (ChatError, OSError, KeyError, ImportError):
        raise ConnectionFailed("The name of this login cannot be a name here; choose one with --name.") from None


def _lines() -> Iterable[str]:
    """Stdin, by a file of our own: the interpreter cannot end while a thread reads from its own."""
    if sys.stdin is None:
        return ()
    return open(sys.stdin.fileno(), encoding=sys.stdin.encoding, errors="replace", closefd=False)


def _forget_unwritten() -> None:
    """What nobody reads any more must not be written again, and complained about, at the very end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
