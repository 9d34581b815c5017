"""What is typed after `chatroom-client`: a flag for each setting, those for scripts, and what else it can do.

Knows the words of the command line and how `--help` is laid out. Knows nothing of files, variables and defaults, and
nothing of how anything is done: what it reads goes to settings, pipe and cli.
"""

import argparse
import difflib
import re
import textwrap
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn

from chatroom import __version__
from chatroom.client import exits, settings
from chatroom.client.settings import SETTINGS, SettingError

# Imported where it is used: a help text needs no client.
if TYPE_CHECKING:
    from chatroom.client.pipe import Errand

Action = Literal["chat", "config", "doctor", "test-sound", "trust"]
_WORDS: dict[str, Action] = {"config": "config", "doctor": "doctor", "trust": "trust"}


class Options(NamedTuple):
    """What was asked for."""

    action: Action
    flags: dict[str, str | bool]
    """By the name of the setting; only what was given."""
    config: Path | None
    """Another file than the system's own place has."""
    errand: "Errand | None"
    """What a script wants. Without a room it is meant for the room of the settings."""


class _Other(NamedTuple):
    """An option that is no setting."""

    name: str
    metavar: str
    """What stands for the value in the help; some take none."""
    help: str


_OTHERS = (
    _Other("send", "ROOM TEXT", "say TEXT (-: each line of stdin), and end once it is stored"),
    _Other("listen", "", "print what is said"),
    _Other("since", "SEQ", "what came after SEQ"),
    _Other("once", "", "end after one message"),
    _Other("wait", "SECONDS", "end after so long"),
    _Other("json", "", "one JSON object a line"),
    _Other("test-sound", "", "play each sound"),
    _Other("config", "FILE", "instead of client.toml"),
    _Other("version", "", "print the version"),
    _Other("help", "", "print this"),
)
_FLAGS = {f"--{row.name}": row for row in (*SETTINGS, *_OTHERS)}

# ---------------------------------------------------------------------------------------------------------- the help

_USAGE = """\
usage: chatroom-client [OPTION ...] [config | doctor | trust]

  chatroom-client --host 192.168.1.2 --name ada   talk; q quits, /help explains
  chatroom-client --send ops "build done"         say it from a script
  chatroom-client --listen --json                 each message as a JSON object

chatroom-client config prints each setting, its value, and where that stands;
chatroom-client doctor says what works on the way to the server, and what not;
chatroom-client trust --fingerprint WORDS accepts a server's new certificate.
"""
_GROUPS = (
    ("Where", ("host", "port", "name", "room", "tls", "fingerprint")),
    ("Looks", ("color", "theme", "all", "handles", "plain", "time-format", "highlight")),
    ("Sounds", ("mute", "notify", "quiet", "sounds", "desktop", "test-sound")),
    ("Scripts", ("send", "listen", "since", "once", "wait", "json")),
    ("Other", ("keys", "config", "version", "help")),
)
_PRECEDENCE = "Flags go over CHATROOM_HOST and so on, over client.toml. --no-mute unmutes."
_COLUMNS, _HALF = 79, 40


def help_text() -> str:
    """What `--help` prints: at most 80 columns wide, and short enough for a screen."""
    groups = (line for title, names in _GROUPS for line in (f"{title}:", *_rows(map(_cell, names))))
    codes = ", ".join(f"{code} {meaning}" for code, meaning in exits.MEANINGS.items())
    return "\n".join([_USAGE, *groups, "", _PRECEDENCE, *textwrap.wrap(f"Exit codes: {codes}.", _COLUMNS), ""])


def _cell(name: str) -> str:
    row = _FLAGS[f"--{name}"]
    flag = f"--{name} {row.metavar}".rstrip()
    return f"  {flag:<13}  {row.help}"


def _rows(cells: Iterable[str]) -> Iterator[str]:
    """Two neighbours share a line where both are short."""
    rest = deque(cells)
    while rest:
        cell = rest.popleft()
        if rest and max(len(cell), len(rest[0])) < _HALF:
            cell = f"{cell:<{_HALF}}{rest.popleft()}"
        yield cell


# ------------------------------------------------------------------------------------------------------- the reading


_ARGPARSE = (
    ("^argument ", ""),
    (": expected one argument$", " needs a value"),
    (": ignored explicit argument .*$", " takes no value"),
)
"""Its words, and plainer ones."""


class _Parser(argparse.ArgumentParser):
    """One that says what is wrong in a sentence, and leaves it to others to end the program."""

    def error(self, message: str) -> NoReturn:
        for pattern, words in _ARGPARSE:
            message = re.sub(pattern, words, message)
        raise SettingError(f"{message}; chatroom-client --help shows how.")

    def format_help(self) -> str:
        return help_text()


def _parser() -> _Parser:
    parser = _Parser(prog="chatroom-client", allow_abbrev=False)
    for setting in SETTINGS:
        if setting.is_switch:
            parser.add_argument(setting.flag, dest=setting.name, action=argparse.BooleanOptionalAction)
        else:
            parser.add_argument(setting.flag, dest=setting.name)
    for name in ("config", "since", "wait"):
        parser.add_argument(f"--{name}")
    for name in ("listen", "once", "json", "test-sound"):
        parser.add_argument(f"--{name}", dest=name, action="store_true")
    parser.add_argument("--version", action="version", version=f"chatroom {__version__}")
    return parser


def read(arguments: Sequence[str]) -> Options:
    """What was asked for, or SettingError for what makes no sense. Ends the program after `--help` and `--version`."""
    words = list(arguments)
    send = _take_send(words)
    found, rest = _parser().parse_known_args(words)
    given = vars(found)
    action = _action(rest, test_sound=given["test-sound"])
    errand = _errand(given, send)
    if errand and action != "chat":
        raise SettingError(f"{action} has nothing to do with messages; leave out the options for scripts.")
    flags = {setting.name: given[setting.name] for setting in SETTINGS if given[setting.name] is not None}
    return Options(action, flags, Path(given["config"]) if given["config"] else None, errand)


def _take_send(words: list[str]) -> tuple[str, str] | None:
    """Takes `--send ROOM TEXT` out. Whatever TEXT is, it is never read as an option: it may come from anywhere."""
    if "--send" not in words:
        return None
    at = words.index("--send")
    _, *values = words[at : at + 3]
    if len(values) < 2:
        raise SettingError('--send needs a room and a text, such as --send ops "build done".')
    del words[at : at + 3]
    if "--send" in words:
        raise SettingError("--send can be given once; with - it says each line of stdin.")
    room, text = values
    return _checked("--send", settings.room, room), text


def _action(rest: Sequence[str], *, test_sound: bool) -> Action:
    """What is left over once all options are read is one word at most."""
    for word in rest:
        if word not in _WORDS:
            raise SettingError(_unknown(word))
    actions = [_WORDS[word] for word in rest] + ["test-sound"] * test_sound
    if len(actions) > 1:
        raise SettingError(f"{' and '.join(actions)}: one at a time.")
    return actions[0] if actions else "chat"


def _unknown(word: str) -> str:
    kind, known = ("option", _FLAGS) if word.startswith("-") else ("command", _WORDS)
    nearest = difflib.get_close_matches(word.partition("=")[0], known, 1)
    advice = f"did you mean {nearest[0]}?" if nearest else "chatroom-client --help shows what there is."
    return f"There is no {kind} {word}; {advice}"


# ------------------------------------------------------------------------------------------------- what scripts want


def _seq(raw: object) -> int:
    if not re.fullmatch("[0-9]{1,18}", str(raw)):
        raise ValueError(f"{raw!r} is no number of a message; give 0 or more.")
    return int(str(raw))


def _seconds(raw: object) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", str(raw)):
        raise ValueError(f"{raw!r} is no number of seconds; give one such as 10 or 0.5.")
    return float(str(raw))


def _errand(given: dict[str, Any], send: tuple[str, str] | None) -> "Errand | None":
    facts = {name: given[name] for name in ("listen", "once", "json") if given[name]}
    for name, reader in (("since", _seq), ("wait", _seconds)):
        if given[name] is not None:
            facts[name] = _checked(f"--{name}", reader, given[name])
    if send:
        facts["room"], facts["send"] = send
    return _meant(facts) if facts else None


def _meant(facts: dict[str, Any]) -> "Errand":
    from chatroom.client.pipe import Errand

    facts = {"room": "", "listen": "since" in facts, **facts}
    if facts["listen"] and "send" in facts:
        raise SettingError("--send ends once it has said it; leave out --listen and --since.")
    return Errand(**facts)


def _checked(flag: str, reader: settings.Reader, raw: str) -> Any:
    try:
        return reader(raw)
    except ValueError as error:
        raise SettingError(f"{flag}: {error}") from None
