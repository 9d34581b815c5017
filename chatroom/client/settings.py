"""The client's settings: one table of them all, and where each value comes from.

A flag counts more than a CHATROOM_* variable, that more than a line of client.toml, and that more than the default.
Knows how values are written, and how to name the place of a wrong one. Knows nothing of what a value does, and of no
file and environment but those it is given.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs

from chatroom import text
from chatroom.errors import ChatError, Refusal

Reader = Callable[[object], Any]
"""Makes a value of what somebody wrote: a string, or, in a file, whatever TOML has. Its ValueError is a sentence."""

DEFAULT = "default"
"""The origin of what nobody has set."""

_LONGEST_QUOTE = 60
_LONGEST_TIME = 40
_FINGERPRINT = re.compile(r"([a-z]+[\s,-]+){9}[a-z]+|(sha256( fingerprint)?[:=] ?)?([0-9a-f]{2}[:\s-]?){31}[0-9a-f]{2}")
_SAMPLE = datetime(2026, 11, 21, 13, 7, 8, tzinfo=UTC)
_SWITCH = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}


class SettingError(ChatError):
    """What somebody has set cannot be used; the sentence begins with the place where it stands."""


# ------------------------------------------------------------------------------------------------ how values are read


def _quote(raw: object) -> str:
    quoted = repr(raw) if isinstance(raw, str) else str(raw).lower() if isinstance(raw, bool) else str(raw)
    return quoted if len(quoted) <= _LONGEST_QUOTE else quoted[:_LONGEST_QUOTE] + "…"


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError(f"{_quote(raw)} is no text; put it in quotes.")
    return raw


def _switch(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.lower() in _SWITCH:
        return _SWITCH[raw.lower()]
    raise ValueError(f"{_quote(raw)} is neither yes nor no.")


def _host(raw: object) -> str:
    host = _text(raw)
    if not host or not host.isprintable() or " " in host:
        raise ValueError(f"{_quote(raw)} is no host; give a name or an address, such as 192.168.1.2.")
    return host


def _port(raw: object) -> int:
    if re.fullmatch("[0-9]{1,5}", str(raw)) and 0 < int(str(raw)) < 65_536:
        return int(str(raw))
    raise ValueError(f"{_quote(raw)} is no port; give a number from 1 to 65535.")


def room(raw: object) -> str:
    """A room's name; many write it with a `#`."""
    try:
        return text.room_name(_text(raw).removeprefix("#"))
    except Refusal as refusal:
        raise ValueError(f"{_quote(raw)} is no room. {refusal.text}") from None


def _name(raw: object) -> str:
    try:
        return text.username(_text(raw)) if raw != "" else ""
    except Refusal as refusal:
        raise ValueError(f"{_quote(raw)} is no name. {refusal.text}") from None


def _fingerprint(raw: object) -> str:
    """In the forms in which it is printed, by servers and by other programs; whether it is right is seen later."""
    given = _text(raw).strip()
    if given and not _FINGERPRINT.fullmatch(given.casefold()):
        raise ValueError(
            f"{_quote(raw)} is no fingerprint; give the ten words, or the 64 digits, that the server prints."
        )
    return given


def _one_of(*words: str) -> Reader:
    def read(raw: object) -> str:
        if not (isinstance(raw, str) and raw in words):
            raise ValueError(f"{_quote(raw)} is none of {', '.join(words)}.")
        return raw

    return read


def _time_format(raw: object) -> str:
    written = _text(raw)
    try:
        shown = _SAMPLE.strftime(written)
    except ValueError:
        shown = "\n"
    if not shown.isprintable() or len(shown) > _LONGEST_TIME or bool(shown) != bool(written):
        raise ValueError(f"{_quote(raw)} is no format of a time; give one such as %H:%M.")
    return written


def _words(raw: object) -> tuple[str, ...]:
    words = raw if isinstance(raw, list) else _text(raw).split(",")
    return tuple(word for each in words if (word := _text(each).strip()))


def _quiet(raw: object) -> str:
    from chatroom.client.wishes import Quiet  # which a help text does without

    if _text(raw) and not Quiet.of(_text(raw)):
        raise ValueError(f"{_quote(raw)} are no hours; give two times of the day, such as 22:00-07:00.")
    return _text(raw)


def _folder(raw: object) -> Path | None:
    if not _text(raw):
        return None
    with suppress(RuntimeError, OSError):  # nobody knows where home is, or no system takes such a name
        folder = Path(_text(raw)).expanduser()
        if folder.is_dir():
            return folder
    raise ValueError(f"{_quote(raw)} is no folder; give one with message.wav, mention.wav or direct.wav in it.")


# ---------------------------------------------------------------------------------------------------------- the table


class Setting(NamedTuple):
    """One row: what it is called, how it is read, and in few words what it does."""

    name: str
    read: Reader
    default: object
    metavar: str
    """What stands for the value in the help; a switch has none."""
    help: str
    unset: str = ""
    """What an empty value means, in a word."""

    @property
    def flag(self) -> str:
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        return f"CHATROOM_{self.name.upper().replace('-', '_')}"

    @property
    def attribute(self) -> str:
        """Its name in Settings."""
        return "all_rooms" if self.name == "all" else self.name.replace("-", "_")

    @property
    def is_switch(self) -> bool:
        return not self.metavar

    def show(self, value: object) -> str:
        """The value as one could write it, or, in brackets, what it means that there is none."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        shown = ", ".join(value) if isinstance(value, tuple) else str("" if value is None else value)
        return shown or f"({self.unset})"


def _choice(name: str, metavar: str, *words: str) -> Setting:
    """A setting that is one of these words; the first is the default."""
    default, *others = words
    return Setting(name, _one_of(*words), default, metavar, f"({default}), {', '.join(others)}")


SETTINGS = (
    Setting("host", _host, "127.0.0.1", "HOST", "the server (127.0.0.1)"),
    Setting("port", _port, 5002, "PORT", "its port (5002)"),
    Setting("tls", _switch, True, "", "encrypted (yes); --no-tls: in the open"),
    Setting("fingerprint", _fingerprint, "", "WORDS", "the server's certificate's (the first seen)", "the first seen"),
    Setting("name", _name, "", "NAME", "your name (asked)", "asked"),
    Setting("room", room, "lobby", "ROOM", "where to begin (lobby)"),
    Setting("all", _switch, False, "", "every room's lines"),
    Setting("mute", _switch, False, "", "no sounds"),
    Setting("plain", _switch, False, "", "words for marks; for screen readers and old consoles"),
    _choice("color", "WHEN", "auto", "always", "never"),
    _choice("theme", "THEME", "calm", "contrast"),
    Setting("time-format", _time_format, "", "FORMAT", "of each time, such as %H:%M (automatic)", "automatic"),
    _choice("keys", "KEYS", "emacs", "vi"),
    Setting("highlight", _words, (), "WORDS", "mark lines with these, such as lunch,ops (none)", "none"),
    _choice("notify", "WHAT", "all", "mentions", "none"),
    Setting("quiet", _quiet, "", "HOURS", "no sounds then, such as 22:00-07:00 (never)", "never"),
    Setting("desktop", _switch, False, "", "pop-ups, too"),
    Setting("sounds", _folder, None, "DIR", "with message.wav, mention.wav, direct.wav (built in)", "built in"),
    Setting("handles", _switch, False, "", "each line's handle"),
)

BY_NAME = {setting.name: setting for setting in SETTINGS}


class Settings(NamedTuple):
    """What holds for this run."""

    host: str
    port: int
    tls: bool
    fingerprint: str
    """Empty: of whatever certificate is seen first."""
    name: str
    """Empty: asked."""
    room: str
    all_rooms: bool
    mute: bool
    plain: bool
    color: str
    theme: str
    time_format: str
    """Empty: automatic."""
    keys: str
    highlight: tuple[str, ...]
    notify: str
    quiet: str
    """Empty: never."""
    desktop: bool
    sounds: Path | None
    handles: bool
    origins: Mapping[str, str]
    """By each setting's name, where its value comes from."""


# -------------------------------------------------------------------------------------------------------- the sources


class _Given(NamedTuple):
    setting: Setting
    raw: object
    origin: str
    place: str
    """What a complaint begins with."""


def default_file() -> Path:
    """Where the system keeps such things; it need not be there."""
    return platformdirs.user_config_path("chatroom", appauthor=False) / "client.toml"


def load(flags: Mapping[str, str | bool], environ: Mapping[str, str], file: Path | None = None) -> Settings:
    """The settings, or SettingError for the first thing that is wrong, also where something else counts more."""
    values = {setting.attribute: setting.default for setting in SETTINGS}
    origins = dict.fromkeys(BY_NAME, DEFAULT)
    # What counts more comes later.
    for given in (*_from_file(file), *_from_environment(environ), *_from_flags(flags)):
        try:
            values[given.setting.attribute] = given.setting.read(given.raw)
        except ValueError as error:
            raise SettingError(f"{given.place}: {error}") from None
        origins[given.setting.name] = given.origin
    return Settings(**values, origins=origins)  # type: ignore[arg-type]


def _from_flags(flags: Mapping[str, str | bool]) -> Iterator[_Given]:
    for name, raw in flags.items():
        setting = BY_NAME[name]
        flag = f"--no-{name}" if raw is False else setting.flag
        yield _Given(setting, raw, flag, flag)


def _from_environment(environ: Mapping[str, str]) -> Iterator[_Given]:
    for setting in SETTINGS:
        if raw := environ.get(setting.variable):
            yield _Given(setting, raw, setting.variable, setting.variable)


def _from_file(file: Path | None) -> Iterator[_Given]:
    path = file or default_file()
    try:
        source = path.read_text("utf-8-sig")
    except FileNotFoundError:
        if file:
            raise SettingError(f"{path}: there is no such file.") from None
        return
    except OSError as error:
        raise SettingError(f"{path} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SettingError(f"{path}, line {line}: this is no UTF-8; save the file in that encoding.") from None
    yield from _from_toml(source, path)


def _from_toml(source: str, path: Path) -> Iterator[_Given]:
    table, lines = _parse(source, path), _lines_of(source)
    seen: dict[str, int] = {}
    for key, raw in table.items():
        origin, name = f"{path}, line {lines[key]}", key.replace("_", "-")
        if name not in BY_NAME:
            raise SettingError(f"{origin}: there is no setting {_quote(key)}; {_advice(name)}")
        if name in seen:
            raise SettingError(f"{origin}: {key}: this is set in line {seen[name]} already.")
        seen[name] = lines[key]
        yield _Given(BY_NAME[name], raw, origin, f"{origin}: {key}")


def _parse(source: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(source)
    except (ValueError, RecursionError) as error:
        reason, _, where = str(error).partition(" (at ")
        number = re.search(r"line (\d+)", where)
        line = int(number[1]) if number else len(source.splitlines())
        raise SettingError(
            f"{path}, line {line}: this is no TOML ({reason}); write lines such as port = 5002, and text in quotes."
        ) from None


def _lines_of(source: str) -> dict[str, int]:
    """On which line each key of sound TOML begins: statements are cut off one by one, as soon as they are whole."""
    lines: dict[str, int] = {}
    statement, start = "", 1
    for number, line in enumerate(source.split("\n"), 1):
        statement += f"{line}\n"
        with suppress(ValueError):
            for key in tomllib.loads(statement):
                lines.setdefault(key, start)
            statement, start = "", number + 1
    return lines


def _advice(name: str) -> str:
    nearest = difflib.get_close_matches(name, BY_NAME, 1)
    return f"did you mean {nearest[0]}?" if nearest else "chatroom-client --help shows what there is."


# ------------------------------------------------------------------------------------------------------------- colour


def wants_colour(color: str, *, is_terminal: bool, environ: Mapping[str, str]) -> bool:
    """Whether to write colours, where the setting `color` is this."""
    if color != "auto":
        return color == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return is_terminal and environ.get("TERM") != "dumb"
