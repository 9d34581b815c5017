"""The command `chatroom-admin`: accounts, bans, backups and exports of a server, whether it runs or not.

Knows arguments, the screen, and the two ways to have something done: a server that runs is asked to, by the secret in
its data folder; else the files are worked on, under the lock by which no server can start meanwhile. Passwords are
asked, never taken from the arguments.
"""

import argparse
import getpass
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from msgspec import json

from chatroom import __version__
from chatroom.durations import seconds
from chatroom.errors import ChatError, ConnectionFailed, Refusal
from chatroom.messages import Error, Numbered, Operate, Report
from chatroom.net.tls import client_context
from chatroom.server.exporting import FORMATS
from chatroom.server.folders import data_folder
from chatroom.server.hub import Hub
from chatroom.server.operating import Access, access_in
from chatroom.server.operator import EXPORTED_AT_ONCE, Operator
from chatroom.server.rights import ROLES
from chatroom.server.server import STORE_FILE
from chatroom.server.store.backup import restore, verify
from chatroom.server.store.sqlite import SqliteStore
from chatroom.wire import Unreadable, native

PATIENCE = 600.0
"""So many seconds a server may take, for instance to back up much."""

Do = Callable[..., list[str]]
"""Has an action done with these arguments; lines for people come back."""


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0, 1 where something could not be done, 2 for wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        for line in options.run(options):
            print(line)
    except ChatError as error:
        print(f"chatroom-admin: {error.text}", file=sys.stderr)
        return 1
    except (EOFError, KeyboardInterrupt):
        return 1
    return 0


# ------------------------------------------------------------------------------------------------ having it done


def _done(options: argparse.Namespace, action: str, **arguments: Any) -> list[str]:
    """By the server that runs on these data; or else here."""
    access = access_in(options.data)
    if access:
        try:
            return _ask(access, action, arguments)
        except ConnectionRefusedError:
            pass  # it was killed, and its file left behind
    with closing(SqliteStore(options.data / STORE_FILE)) as store:
        operator = Operator(Hub(store, _at_once, max_clients=0))
        return operator.do(action, arguments)


def _at_once(job: Callable[[], object]) -> None:
    job()


def _ask(access: Access, action: str, arguments: dict[str, Any]) -> list[str]:
    request = Operate(id="1", secret=access.secret, action=action, arguments=arguments)
    with (
        socket.create_connection((access.host, access.port), PATIENCE) as plain,
        client_context().wrap_socket(plain) as sock,
    ):
        sock.sendall(native.encode([request]))
        return _lines_from(sock)


def _lines_from(sock: ssl.SSLSocket) -> list[str]:
    codec = native.events()
    while data := sock.recv(65_536):
        for event in codec.receive(data):
            match event:
                case Report(lines=lines):
                    return lines
                case Error(code=code, text=text) | Unreadable(Error(code=code, text=text)):
                    raise Refusal(code, text)
    raise ConnectionFailed("The server ended the conversation; look at what it printed.")


# ---------------------------------------------------------------------------------------------------- the commands


def _account(options: argparse.Namespace) -> list[str]:
    what = f"account {options.what}"
    named = {"username": options.name} if options.what != "list" else {}
    if options.what in ("add", "password"):
        named["password"] = _new_password(options.name)
    if options.what in ("add", "role"):
        named["role"] = options.role
    return _done(options, what, **named)


def _new_password(name: str) -> str:
    """Asked twice at a terminal; in a script, the first line of what comes in."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass(f"New password for {name}: ")
    if getpass.getpass("The same again: ") != first:
        raise Refusal("bad_request", "The two passwords differ; nothing was changed.")
    return first


def _ban(options: argparse.Namespace) -> list[str]:
    whom = {"username": options.name, "address": options.address}
    if options.command == "unban":
        return _done(options, "unban", **whom)
    return _done(options, "ban", **whom, seconds=options.length, reason=options.reason)


def _bans(options: argparse.Namespace) -> list[str]:
    return _done(options, "bans")


def _audit(options: argparse.Namespace) -> list[str]:
    return _done(options, "audit", limit=options.limit)


def _backup(options: argparse.Namespace) -> list[str]:
    return _done(options, "backup", file=str(options.file.absolute()))


def _verify(options: argparse.Namespace) -> list[str]:
    return verify(options.file)


def _restore(options: argparse.Namespace) -> list[str]:
    options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    return restore(options.file, options.data / STORE_FILE)


def _export(options: argparse.Namespace) -> Iterator[str]:
    yield from FORMATS[options.format](options.room, _events_of(options))


def _events_of(options: argparse.Namespace) -> Iterator[Numbered]:
    after = 0
    while True:
        page = [json.decode(line, type=Numbered) for line in _done(options, "export", room=options.room, after=after)]
        yield from page
        if len(page) < EXPORTED_AT_ONCE:
            return
        after = page[-1].seq


def _prune(options: argparse.Namespace) -> list[str]:
    return _done(options, "prune", seconds=options.older)


def _keep(options: argparse.Namespace) -> list[str]:
    return _done(options, "keep", room=options.room, seconds=options.length)


# ---------------------------------------------------------------------------------------------------- the arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chatroom-admin", description="Looks after a chatroom-server: its accounts, its bans and its history."
    )
    parser.add_argument(
        "--data", metavar="DIR", type=Path, default=data_folder(), help="the server's (default: %(default)s)"
    )
    parser.add_argument("--version", action="version", version=f"chatroom {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    _add_accounts(commands)
    _add_bans(commands)
    _add_history(commands)
    return parser


def _command(commands: Any, name: str, run: Callable[..., Any], about: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(name, help=about, description=about)
    made.set_defaults(run=run)
    return made


def _add_accounts(commands: Any) -> None:
    account = commands.add_parser("account", help="who is registered, and as what")
    whats = account.add_subparsers(metavar="WHAT", dest="what", required=True)
    for what, about in (
        ("add", "register a name; its password is asked"),
        ("list", "who is registered"),
        ("password", "give an account another password, which is asked"),
        ("role", "make somebody a member, a moderator or an admin"),
        ("remove", "what was said by it stays"),
    ):
        made = _command(whats, what, _account, about)
        if what != "list":
            made.add_argument("name", metavar="NAME")
        if what == "add":
            made.add_argument("--role", choices=ROLES[1:], default="member", help="(default: %(default)s)")
        if what == "role":
            made.add_argument("role", choices=ROLES[1:])


def _add_bans(commands: Any) -> None:
    for name, about in (("ban", "keep a name or an address out"), ("unban", "lift a ban")):
        made = _command(commands, name, _ban, about)
        made.add_argument("name", metavar="NAME", nargs="?")
        made.add_argument("--address", help="an address, such as 192.168.1.7")
        if name == "ban":
            made.add_argument(
                "--for", dest="length", metavar="TIME", type=_length, help="such as 2d (default: for ever)"
            )
            made.add_argument("--reason", default="", help="what who is banned is told")
    _command(commands, "bans", _bans, "which bans hold")
    audit = _command(commands, "audit", _audit, "what moderators and operators did, the newest first")
    audit.add_argument("--limit", type=int, default=100, help="so many lines (default: %(default)s)")


def _add_history(commands: Any) -> None:
    for name, run, about in (
        ("backup", _backup, "write all that is stored into a new file, while people chat"),
        ("verify", _verify, "is a store or a backup whole?"),
        ("restore", _restore, "put a backup in the place of the store of a server that is stopped"),
    ):
        _command(commands, name, run, about).add_argument("file", metavar="FILE", type=Path)
    export = _command(commands, "export", _export, "a room's history as a document, on standard output")
    export.add_argument("--room", required=True)
    export.add_argument("--format", choices=FORMATS, default="md", help="(default: %(default)s)")
    prune = _command(commands, "prune", _prune, "erase what is older than a time")
    prune.add_argument("--older", metavar="TIME", type=_length, required=True, help="such as 90d")
    keep = _command(commands, "keep", _keep, "for how long one room's history is kept")
    keep.add_argument("room", metavar="ROOM")
    keep.add_argument(
        "length", metavar="TIME", type=_keeping, help="such as 90d, or forever, or default: as the server"
    )


def _length(word: str) -> int:
    length = seconds(word)
    if length is None:
        raise argparse.ArgumentTypeError(f"'{word}' is no time; give a number and s, m, h, d or w, such as 90d")
    return length


def _keeping(word: str) -> int | None:
    return {"forever": 0, "default": None}[word] if word in ("forever", "default") else _length(word)


if __name__ == "__main__":
    sys.exit(main())
