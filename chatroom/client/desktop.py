"""Notifications of the system: which program shows one, and how it gets the words.

Knows the systems' programs. Knows nothing of when somebody is to be called. The words go to a program as an argument
or a variable of their own, never through a shell and never inside a script, and nobody waits for it.
"""

import html
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from chatroom.client.views import is_direct
from chatroom.messages import Message
from chatroom.text import visible

LONGEST_TITLE = 60
LONGEST_BODY = 200
"""In characters. Windows takes 63 and 255, of which some characters need two."""

MOST_AT_ONCE = 4
"""Where the system's service hangs, what is started does not end: no more than so many wait for it."""


class Call(NamedTuple):
    """A program, by its name or where it lies, and what it gets."""

    program: str
    arguments: tuple[str, ...]
    variables: Mapping[str, str] = {}


# ------------------------------------------------------------------------------------------------ a way for each system


def _notify_send(title: str, body: str, environ: Mapping[str, str]) -> Call:
    """It takes a backslash in the body for the start of an escape, and what shows the body reads markup."""
    plain = html.escape(body.replace("\\", r"\\"), quote=False)
    return Call("notify-send", ("--app-name=chatroom", "--", title, plain))


APPLESCRIPT = (
    "on run argv",
    "display notification (item 2 of argv) with title (item 1 of argv)",
    "end run",
)


def _osascript(title: str, body: str, environ: Mapping[str, str]) -> Call:
    """What follows its first argument is never taken for an option, and the title does not look like one."""
    script = (part for line in APPLESCRIPT for part in ("-e", line))
    return Call("osascript", (*script, title, body))


POWERSHELL = """\
Add-Type -AssemblyName System.Windows.Forms, System.Drawing
$icon = New-Object System.Windows.Forms.NotifyIcon
$icon.Icon = [System.Drawing.SystemIcons]::Information
$icon.Visible = $true
$icon.ShowBalloonTip(5000, $env:CHATROOM_POPUP_TITLE, $env:CHATROOM_POPUP_BODY, 'None')
Start-Sleep -Seconds 6
$icon.Dispose()
"""


def _powershell(title: str, body: str, environ: Mapping[str, str]) -> Call:
    """By its full name: Windows would look for a mere name in the folder where one happens to be first."""
    home = Path(environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "WindowsPowerShell", "v1.0")
    options = ("-NoProfile", "-NonInteractive", "-WindowStyle", "Hidden", "-Command", POWERSHELL)
    return Call(str(home / "powershell.exe"), options, {"CHATROOM_POPUP_TITLE": title, "CHATROOM_POPUP_BODY": body})


_WAYS: dict[str, Callable[[str, str, Mapping[str, str]], Call]] = {
    "linux": _notify_send,
    "darwin": _osascript,
    "win32": _powershell,
}


# -------------------------------------------------------------------------------------------------------- the words


def _title(said: Message) -> str:
    """It begins with a word of ours: a name could look like an option."""
    where = "" if is_direct(said.room) else f" in {said.room}"
    return _short(f"chatroom: {said.username}{where}", LONGEST_TITLE)


def _body(said: Message) -> str:
    spoken = f"{said.username} {said.message}" if said.kind == "action" else said.message
    return _short(spoken, LONGEST_BODY)


def _short(text: str, longest: int) -> str:
    shown = visible(text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


# ------------------------------------------------------------------------------------------------------- showing it


class Popups:
    """The notifications of one run. For one thread at a time."""

    def __init__(self, system: str = sys.platform, environ: Mapping[str, str] = os.environ) -> None:
        self._way = _WAYS.get(system, _notify_send)
        self._environ = environ
        self._running: dict[subprocess.Popen[bytes], str] = {}
        self._is_told = False

    def announce(self, said: Message) -> str:
        """Has it shown, without waiting for that. Once, a sentence that says why nothing is seen; otherwise nothing."""
        trouble = self._reap()
        if len(self._running) < MOST_AT_ONCE:
            trouble = self._start(self._way(_title(said), _body(said), self._environ)) or trouble
        if not trouble or self._is_told:
            return ""
        self._is_told = True
        return f"The system shows no notifications: {trouble}."

    def _start(self, call: Call) -> str:
        program = shutil.which(call.program, path=self._environ.get("PATH"))
        if program is None:
            return f"{call.program} is not there"
        try:
            process = _detached([program, *call.arguments], {**self._environ, **call.variables})
        except (OSError, ValueError) as error:  # or the system's encoding lacks a character
            return f"{call.program} cannot be started ({error})"
        self._running[process] = call.program
        return ""

    def _reap(self) -> str:
        """Forgets what has ended. What went wrong with it, in a few words."""
        codes = {process: process.poll() for process in self._running}
        failed = next((f"{self._running[process]} ended with {code}" for process, code in codes.items() if code), "")
        self._running = {process: name for process, name in self._running.items() if codes[process] is None}
        return failed


def _detached(arguments: list[str], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """It gets none of the terminal: no keys, no Ctrl-C, and no place to complain."""
    return subprocess.Popen(
        arguments,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # Windows alone has windows of a console
    )
