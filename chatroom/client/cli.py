"""The command `chatroom-client`: what it is asked to do, who does it, and how it ends.

Knows exit codes, and whether there is a terminal. Knows nothing of how options and settings are written, of keys, and
of how a client works; whoever does is imported only where it is needed, so that `--help` comes at once.
"""

import contextlib
import getpass
import io
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from chatroom import text
from chatroom.client import exits, options, settings, trace
from chatroom.client.options import Options
from chatroom.client.settings import SETTINGS, SettingError, Settings
from chatroom.errors import ChatError, Refusal

if TYPE_CHECKING:
    from chatroom.client.checks import Finding
    from chatroom.client.paint import Painter
    from chatroom.client.pipe import Errand, Manner
    from chatroom.client.render import Line


def main(arguments: list[str] | None = None) -> int:
    """Does what it is asked to. The exit code: one of `exits`, or that of a signal."""
    _never_fail_on_a_character()
    log = trace.Log(trace.default_file())
    with log.of_threads():
        code = _run(sys.argv[1:] if arguments is None else arguments, log)
    if log.is_needed:
        _complain(_apology(log))
    return code or (exits.FAILED if log.is_needed else exits.OK)


def _run(arguments: Sequence[str], log: trace.Log) -> int:
    try:
        asked = options.read(arguments)
        chosen = settings.load(asked.flags, os.environ, asked.config)
        return _ACTIONS[asked.action](asked, chosen)
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except BrokenPipeError:  # like `| head -1`: nobody reads any more
        return exits.OK
    except ChatError as error:
        _complain(error.text)
        return exits.of(error)
    except OSError as error:
        _complain(str(error))
    except Exception as error:  # whatever it is, nobody is shown a stack trace
        log.keep(error)
    finally:
        _forget_unwritten()
    return exits.FAILED


def _complain(sentence: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads it
        print(f"chatroom-client: {text.visible(sentence)}", file=sys.stderr, flush=True)


def _apology(log: trace.Log) -> str:
    where = f"; see {_short(log.path)}" if log.is_kept else ""
    return f"This program failed{where}. What was said is kept."


def _short(path: Path) -> str:
    """With `~` where a shell knows it, so that it fits a line."""
    with contextlib.suppress(RuntimeError, ValueError):  # nobody knows where home is, or the path is not within
        if os.name != "nt":
            return f"~/{path.relative_to(Path.home())}"
    return str(path)


def _never_fail_on_a_character() -> None:
    """A console that lacks a character shows a `?` in its place."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _forget_unwritten() -> None:
    """What nobody reads any more must not be written again, and complained about, at the very end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


# --------------------------------------------------------------------------------------------------------- the screen


def _is_dumb() -> bool:
    """A dumb terminal cannot keep a line being typed below what arrives."""
    return os.environ.get("TERM") == "dumb"


def _is_at(*streams: TextIO | None) -> bool:
    """Whether a terminal is at the other end of each."""
    return all(stream and stream.isatty() for stream in streams)


def _wants_colour(chosen: Settings, stream: TextIO | None) -> bool:
    return settings.wants_colour(chosen.color, is_terminal=_is_at(stream), environ=os.environ)


def _painter(chosen: Settings, stream: TextIO | None) -> "Painter":
    import colorama

    from chatroom.client.paint import Painter

    colorama.just_fix_windows_console()
    return Painter(chosen.theme, colour=_wants_colour(chosen, stream), plain=chosen.plain)


def _printer(chosen: Settings) -> "Callable[[Iterable[Line]], None]":
    """Prints lines as in a chat, each at once; whole ones, where they go into a file."""
    painter = _painter(chosen, sys.stdout)
    columns = shutil.get_terminal_size().columns if _is_at(sys.stdout) else 0
    return lambda lines: print(*painter.draw(lines, columns), sep="\n", flush=True)


def _bell() -> None:
    print("\a", end="", file=sys.stderr, flush=True)


# -------------------------------------------------------------------------------------------------------- what it does


def _chat(asked: Options, chosen: Settings) -> int:
    if asked.errand or _is_dumb() or not _is_at(sys.stdin, sys.stdout):
        return _run_errand(asked.errand, chosen)
    from chatroom.client.app import converse

    return converse(chosen, colour=_wants_colour(chosen, sys.stdout))


def _config(asked: Options, chosen: Settings) -> int:
    """Prints each setting, its value, and where that stands."""
    rows = [
        (setting.name, text.visible(setting.show(getattr(chosen, setting.attribute))), chosen.origins[setting.name])
        for setting in SETTINGS
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, origin in rows:
        print(f"{name:{widths[0]}}  {value:{widths[1]}}  {text.visible(origin)}")
    file = asked.config or settings.default_file()
    print(f"\nThe file for settings is {text.visible(str(file))}{'' if file.exists() else ', which is not there'}.")
    return exits.OK


def _doctor(asked: Options, chosen: Settings) -> int:
    """Prints what works and what does not, as it is found out."""
    from chatroom.client import doctor, entry

    say, findings = _printer(chosen), []
    console = doctor.console(sys.stdin, sys.stdout)
    trust = entry.trust_of(chosen)
    for finding in doctor.examine(chosen.host, chosen.port, environ=os.environ, console=console, trust=trust):
        say(_finding(finding))
        findings.append(finding)
    return doctor.summary(findings)


def _finding(finding: "Finding") -> "Iterator[Line]":
    from chatroom.client.render import Line, Span, status

    yield status("+" if finding.is_well else "!", f"{finding.what}: {finding.text}")
    if finding.advice:
        yield Line((Span("", "    "),), (Span("", finding.advice),))


def _test_sound(asked: Options, chosen: Settings) -> int:
    """Plays each sound, and prints which way it went."""
    from chatroom.client import notify
    from chatroom.client.render import status

    say = _printer(chosen)
    for kind, way in notify.try_each(chosen.sounds, _bell):
        say([status("*", f"{kind}: {way}")])
    return exits.OK


def _trust(asked: Options, chosen: Settings) -> int:
    """Pins the certificate that the server has now, in place of the one before."""
    from chatroom.client import entry
    from chatroom.client.render import status

    if not chosen.fingerprint:
        raise SettingError(
            "trust needs the fingerprint that the server printed when it started: --fingerprint, and its ten words in"
            " quotes or its 64 digits."
        )
    _printer(chosen)([status("+", entry.renew(chosen))])
    return exits.OK


_ACTIONS: dict[str, Callable[[Options, Settings], int]] = {
    "chat": _chat,
    "config": _config,
    "doctor": _doctor,
    "test-sound": _test_sound,
    "trust": _trust,
}

# ---------------------------------------------------------------------------------------------------------- a script


def _run_errand(errand: "Errand | None", chosen: Settings) -> int:
    """What a script wants, or, where it does not say, what is done in a pipe."""
    from chatroom.client import entry, pipe, render
    from chatroom.client.refusals import wants_another_name

    errand = errand or pipe.Errand(chosen.room)
    manner = _manner(chosen)

    def tell(sentence: str) -> None:
        line = render.status("*", sentence)
        lines = manner.err.draw([line], 0) if manner.err else [render.in_one(line)]
        print(*lines, file=sys.stderr, flush=True)

    if errand.send is None:
        tell(f"Connecting to {chosen.host}:{chosen.port} ...")
    try:
        client = entry.come_in(chosen, chosen.name or _login_name(), tell)
    except Refusal as refusal:
        advice = " Choose one with --name." if wants_another_name(refusal) else ""
        raise Refusal(refusal.code, refusal.text + advice) from refusal
    with client:
        return pipe.run(client, errand._replace(room=errand.room or chosen.room), manner)


def _manner(chosen: Settings) -> "Manner":
    from chatroom.client.pipe import Manner
    from chatroom.client.render import Look

    chosen = chosen._replace(plain=chosen.plain or (_is_dumb() and _is_at(sys.stdout)))
    painters = [
        _painter(chosen, stream) if chosen.plain or _wants_colour(chosen, stream) else None
        for stream in (sys.stdout, sys.stderr)
    ]
    return Manner(Look(chosen.time_format), *painters)


def _login_name() -> str:
    """The name of who runs this, as far as it can be one here."""
    try:
        return text.username(re.sub(r"[^\w.-]+", "-", getpass.getuser()).strip("-._")[: text.USERNAME_LENGTH])
    except (ChatError, OSError, KeyError, ImportError):
        raise SettingError("The name of this login cannot be a name here; choose one with --name.") from None


if __name__ == "__main__":
    sys.exit(main())
