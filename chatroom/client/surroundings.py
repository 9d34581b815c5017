"""What a computer brings along for a chat: its terminal, and a player of sounds.

Knows terminals' facts and variables, and what they mean for a person. Knows nothing of networks. The facts are looked
at in one place each; what they mean is told by pure functions.
"""

import codecs
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TextIO

from chatroom.client.checks import Finding, command
from chatroom.client.settings import wants_colour
from chatroom.text import visible

NARROW = 40
"""Columns below which lines are hard to read."""

_SET_UTF8 = {"linux": "export LC_ALL=C.UTF-8", "darwin": "export LC_ALL=en_US.UTF-8", "win32": "set PYTHONUTF8=1"}
_INSTALL_PLAYER = {
    "linux": "sudo apt install alsa-utils mpg123",
    "darwin": "brew install ffmpeg",
    "win32": "winget install ffmpeg",
}


class Console(NamedTuple):
    """The facts of stdin and stdout. `columns` and `rows` are 0 where nobody knows."""

    reads_terminal: bool
    writes_terminal: bool
    encoding: str
    columns: int
    rows: int


def console(stdin: TextIO | None, stdout: TextIO | None) -> Console:
    """The facts of these two; a process may also be without them."""
    encoding = getattr(stdout, "encoding", None) or ""
    return Console(_is_terminal(stdin), _is_terminal(stdout), encoding, *_size(stdout))


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # it is closed
        return False


def _size(stream: TextIO | None) -> tuple[int, int]:
    try:
        return os.get_terminal_size(stream.fileno()) if stream else (0, 0)
    except (OSError, ValueError):
        return 0, 0


def player() -> str | None:
    """The player that playsound3 uses, or None. It tries all that there may be, which takes a while."""
    logging.getLogger("playsound3").addHandler(logging.NullHandler())  # or else what it logs is printed
    from playsound3 import AVAILABLE_BACKENDS, DEFAULT_BACKEND

    return DEFAULT_BACKEND if DEFAULT_BACKEND in AVAILABLE_BACKENDS else None


# --------------------------------------------------------------------------------------------- what the facts mean

_Rule = Callable[[Console, Mapping[str, str]], object]
_WHY_NONE: tuple[tuple[_Rule, str], ...] = (
    (lambda facts, environ: environ.get("NO_COLOR"), "NO_COLOR is set"),
    (lambda facts, environ: not facts.writes_terminal, "stdout is not a terminal"),
    (lambda facts, environ: True, "TERM is dumb"),
)
_HOW_MANY: tuple[tuple[_Rule, str], ...] = (
    (lambda facts, environ: not facts.writes_terminal, "There are colours, because FORCE_COLOR is set."),
    (lambda facts, environ: environ.get("COLORTERM") in ("truecolor", "24bit"), "The terminal has all colours."),
    (lambda facts, environ: environ.get("WT_SESSION"), "The terminal has all colours."),
    (lambda facts, environ: "256color" in environ.get("TERM", ""), "The terminal has 256 colours."),
    (lambda facts, environ: True, "The terminal promises 16 colours."),
)
_STREAMS = {
    (True, True): "You sit at a terminal.",
    (True, False): "Stdout is no terminal: the client works as in a pipe.",
    (False, True): "Stdin is no terminal: the client works as in a pipe.",
    (False, False): "Stdin and stdout are no terminal: the client works as in a pipe.",
}


def terminal(facts: Console, environ: Mapping[str, str], system: str) -> Iterator[Finding]:
    """Who reads and writes, in which encoding, in which colours, and in how large a window."""
    yield Finding("terminal", True, _STREAMS[facts.reads_terminal, facts.writes_terminal])
    yield _encoding(facts.encoding, system)
    yield Finding("colours", True, _colours(facts, environ))
    if facts.columns:
        yield _window(facts)


def _colours(facts: Console, environ: Mapping[str, str]) -> str:
    def first(rules: tuple[tuple[_Rule, str], ...]) -> str:
        return next(text for rule, text in rules if rule(facts, environ))

    if wants_colour("auto", is_terminal=facts.writes_terminal, environ=environ):
        return first(_HOW_MANY)
    return f"There are no colours, because {first(_WHY_NONE)}."


def _encoding(encoding: str, system: str) -> Finding:
    try:
        is_utf8 = codecs.lookup(encoding).name == "utf-8"
    except (LookupError, ValueError):
        is_utf8 = False
    if is_utf8:
        return Finding("encoding", True, "Text is written as UTF-8.")
    return Finding(
        "encoding", False, f"Text is written as {encoding or 'an unknown encoding'}: many characters become `?`.",
        f"The system's language settings are old or missing: try {command(_SET_UTF8, system)}.",
    )  # fmt: skip


def _window(facts: Console) -> Finding:
    size = f"The window has {facts.columns} columns and {facts.rows} rows"
    if facts.columns >= NARROW:
        return Finding("window", True, f"{size}.")
    return Finding(
        "window", False, f"{size}: lines are hard to read.",
        f"Make it at least {NARROW} columns wide, or the font smaller, or try `chatroom-client --plain`.",
    )  # fmt: skip


def sound(player: str | None, system: str) -> Finding:
    """What is heard. The bell will do, so a missing player is no fault; but there is something to try."""
    if player:
        text = f"Sounds are played by {visible(player)}; hear them by `chatroom-client --test-sound`."
        return Finding("sound", True, text)
    return Finding(
        "sound", True, "No player is found: the terminal's bell rings in place of sounds.",
        f"For real sounds, try {command(_INSTALL_PLAYER, system)}.",
    )  # fmt: skip
