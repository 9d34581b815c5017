"""Who answered the doctor, and what an answer means: a chatroom server, one that refuses, or another program.

Knows what other programs say first, and what each refusal means for who wants to come in. Pure: knows no sockets.
Whatever came over the network passes `visible` here.
"""

import re
from typing import Literal

from chatroom.client.checks import Finding, Sealed, command
from chatroom.messages import Error, Farewell
from chatroom.text import visible

NoAnswer = Literal["closed", "silent", "foreign"]
"""How a peer did not answer: it hung up, let us wait, or said what makes no sense."""

IS_CHATROOM = Finding("protocol", True, "A chatroom server answers.")
LETS_IN = Finding("entry", True, "The server lets guests in.")

_QUOTED = 40
_LONGEST_TEXT = 200

_WHO_LISTENS = {
    "linux": "sudo ss -ltnp 'sport = :{}'",
    "darwin": "sudo lsof -nP -iTCP:{} -sTCP:LISTEN",
    "win32": "netstat -ano | findstr :{}",
}
_LOOKS = (
    (rb"HTTP/|<", "a web server"),
    (rb"SSH-", "an SSH server"),
    (rb"[\x15\x16]\x03", "a server that speaks only TLS, such as a web server (https)"),
    (rb"220[ -]", "a mail or FTP server"),
    (rb"\* OK|\+OK", "a mail server"),
    (rb":|NOTICE |ERROR ", "an IRC server"),
    (rb"RFB ", "a remote desktop (VNC)"),
    (rb"-(ERR|NOAUTH|DENIED)", "a Redis server"),
    (rb"INFO \{", "a NATS server"),
    (rb"...\x00[\x09\x0a]|...\x00\xff", "a MySQL server"),
)

_STRANGERS: dict[NoAnswer, tuple[str, str]] = {
    "foreign": ("What answers is no chatroom server; it looks like {look}.", "Another program has port {port} there"),
    "closed": (
        "The connection is taken and closed again without a word.",
        "Another program, or a proxy on the way, has port {port}",
    ),
    "silent": (
        "The connection is taken, but nothing is said.",
        "Another program has port {port} there, or the server hangs",
    ),
}


def stranger(how: NoAnswer, heard: bytes, port: int, system: str) -> Finding:
    """Who takes the connection is no chatroom server, or not in order."""
    listeners = command(_WHO_LISTENS, system, port)
    text, cause = _STRANGERS["foreign" if heard else how]
    return Finding(
        "protocol", False, text.format(look=_look(heard)), f"{cause.format(port=port)}: on that computer, see which one"
        f" by {listeners}, and which port chatroom-server printed when it started.",
    )  # fmt: skip


def asks_for_tls(answer: Error | Farewell) -> bool:
    """Whether the server would talk on an encrypted connection."""
    return isinstance(answer, Error) and answer.code == "tls_required"


def may_speak_tls(heard: bytes) -> bool:
    """Whether who did not answer may be one that waits for TLS."""
    return not heard or heard[:1] in (b"\x15", b"\x16")


def sealed_stranger(sealed: Sealed, port: int, system: str) -> Finding:
    """Who does not answer plain frames, but speaks TLS."""
    return Finding(
        "protocol", False,
        f"What answers speaks only TLS ({sealed.version}).",
        f"It is a chatroom server, and `--no-tls` should be left away, or a web server (https): on that computer, see"
        f" which program has port {port} by {command(_WHO_LISTENS, system, port)}.",
    )  # fmt: skip


def _look(heard: bytes) -> str:
    for pattern, look in _LOOKS:
        if re.match(pattern, heard, re.DOTALL):
            return look
    line = heard.decode(errors="replace").lstrip("\r\n").partition("\n")[0].rstrip("\r")[:_QUOTED]
    if line and visible(line) == line and "\N{REPLACEMENT CHARACTER}" not in line:
        return f"a program that says \N{LEFT DOUBLE QUOTATION MARK}{line}\N{RIGHT DOUBLE QUOTATION MARK}"
    return f"a program that begins with the bytes {heard[:8].hex(' ')}"


# What a refusal means for who wants to come in, and whether it means that something is wrong.
_RESTRICTED = frozenset(("server_password", "auth_required"))
_REFUSALS = {
    "full": "The server has all the people that it takes: try again later, or have it started with a larger"
    " `--max-clients`.",
    "server_password": "That is on purpose: ask who runs the server for its password.",
    "auth_required": "That is on purpose: ask who runs the server for an account.",
    "auth_failed": "Ask who runs the server for an account.",
    "banned": "This address is banned: ask who runs the server to lift the ban.",
    "slow_down": "There were too many attempts from here: try again in a minute.",
    "name_taken": "The name of the moment is in use: run `chatroom-client doctor` again.",
    "protocol": "Client and server are of different versions: compare `chatroom-client --version` and"
    " `chatroom-server --version`, and bring both to the newer one.",
    "tls_required": "The server talks unencrypted to its own computer only: leave `--no-tls` away.",
    "timeout": "The line is too slow, or the server too busy: run `chatroom-client doctor` again.",
    "shutting_down": "The server is being stopped: try again once it is up.",
    "store_failed": "The server's disk is full or failing: ask who runs it to look at its log.",
    "internal": "The server has a fault: ask who runs it to look at its log.",
}
_OTHER_REFUSAL = (
    "Ask who runs the server, and whether both sides are of the same version (`chatroom-client --version`)."
)


def refused(what: str, answer: Error | Farewell) -> Finding:
    """A chatroom server refuses, or goes, and says so in its own words."""
    if isinstance(answer, Farewell):
        code, said = "shutting_down", f"says goodbye: {visible(answer.reason)[:_LONGEST_TEXT]}"
    else:
        code, said = answer.code, f"refuses: {visible(answer.text)[:_LONGEST_TEXT]}"
    text = f"A chatroom server answers, and {said}"
    return Finding(what, code in _RESTRICTED, text, _REFUSALS.get(code, _OTHER_REFUSAL))


def no_word_on_entry(how: NoAnswer) -> Finding:
    """The server did not answer a guest's hello."""
    end = "hung up" if how == "closed" else "did not answer"
    return Finding(
        "entry", False, f"The server {end} when a guest said hello.",
        "The server is overloaded or has a fault: ask who runs it to look at its log.",
    )  # fmt: skip
