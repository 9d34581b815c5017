"""What the doctor saw of a network means this: whether all is well, the likely cause if not, and the command to try.

Knows names, addresses, certificates and times, and the commands of the systems. Pure: knows no sockets and no clock,
and looks at nothing itself; the same observation is always the same finding.
"""

import errno
import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from chatroom.text import visible

GOOD_MS, SLOW_MS = 50, 300
"""A round trip below is not felt, one above is."""

CLOCK_SECONDS = 60
"""Clocks that differ by more make the times beside messages look wrong."""

_SHOWN_ADDRESSES = 4


class Finding(NamedTuple):
    """One thing that was looked at. `advice` says what to try; it may also go with what is well."""

    what: str
    is_well: bool
    text: str
    advice: str = ""


class Attempt(NamedTuple):
    """A connection to one address: made after `ms`, or not made because of a problem."""

    address: str
    ms: float
    problem: Exception | None = None


class Sealed(NamedTuple):
    """A TLS handshake that worked: its version, the certificate as it came, and its fingerprint in both forms."""

    version: str
    certificate: bytes
    fingerprint: str
    words: str


# Commands, by system. Whatever is not Windows or macOS has most likely those of Linux.
_LOOK_UP = {"linux": "getent hosts {}", "darwin": "dscacheutil -q host -a name {}", "win32": "nslookup {}"}
_ROUTE = {"linux": "ip route get {}", "darwin": "route -n get {}", "win32": "tracert -d {}"}
_RULES = {
    "linux": "sudo nft list ruleset",
    "darwin": "sudo pfctl -sr",
    "win32": "netsh advfirewall show allprofiles",
}
_SET_CLOCK = {
    "linux": "sudo timedatectl set-ntp true",
    "darwin": "sudo sntp -sS time.apple.com",
    "win32": "w32tm /resync",
}


def command(commands: Mapping[str, str], system: str, *values: object) -> str:
    """This system's command, marked as one."""
    return "`" + commands.get(system, commands["linux"]).format(*values) + "`"


# ------------------------------------------------------------------------------------------------------- the name


def found(host: str, addresses: Sequence[str]) -> Finding:
    """The name has these addresses."""
    if addresses == [host]:
        return Finding("name", True, f"{visible(host)} is an address; there is no name to look up.")
    shown, more = addresses[:_SHOWN_ADDRESSES], len(addresses) - _SHOWN_ADDRESSES
    rest = f" and {more} more" if more > 0 else ""
    return Finding("name", True, f"{visible(host)} is {', '.join(shown)}{rest}.")


def not_found(host: str, system: str, *, is_answered: bool) -> Finding:
    """The lookup failed: there is no such name, or nobody answers who would know."""
    name = visible(host)
    if _is_more_than_a_name(host):
        return Finding(
            "name", False, f"{name} is not the name of a computer.",
            "It holds more than a name: try `--host NAME --port NUMBER`, without `//` and `:`.",
        )  # fmt: skip
    look = command(_LOOK_UP, system, name)
    if not is_answered:
        return Finding(
            "name", False, f"No name server answers when it is asked for {name}.",
            f"The network is down, or its name server is: try {look}, or give the server's address in numbers.",
        )  # fmt: skip
    return Finding(
        "name", False, f"There is no computer named {name}.",
        "The name is misspelt, or known only in another network:"
        f" try {look}, or give the address that chatroom-server printed when it started.",
    )  # fmt: skip


def _is_more_than_a_name(host: str) -> bool:
    """A URL, or a name with a port; but an IPv6 address has colons too."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return not set(host).isdisjoint("/:@ ")
    return False


# ------------------------------------------------------------------------------------------------ the connections

_Problem = Literal["silent", "refused", "forbidden", "unreachable", "cut"]

UNREACHABLE = frozenset(
    getattr(errno, name)
    for name in ("ENETUNREACH", "EHOSTUNREACH", "ENETDOWN", "EHOSTDOWN", "EADDRNOTAVAIL", "EAFNOSUPPORT")
    if hasattr(errno, name)
)
_SAID: dict[_Problem, str] = {
    "silent": "does not answer",
    "refused": "refuses: nobody listens there",
    "forbidden": "may not be connected to from here",
    "unreachable": "cannot be reached from here",
    "cut": "breaks off",
}
_CAUSES: dict[_Problem, str] = {
    "refused": "chatroom-server does not run there, or listens on another address or port:"
    " on that computer, try `chatroom-server --port {port}` and see what it prints.",
    "silent": "That computer is off, or a firewall drops what comes: on that computer, let the port in; on Linux by"
    " `sudo ufw allow {port}/tcp`, on macOS by `sudo /usr/libexec/ApplicationFirewall/socketfilterfw --add"
    ' "$(which python3)"`, on Windows, as administrator, by `netsh advfirewall firewall add rule name=chatroom dir=in'
    " action=allow protocol=TCP localport={port}`.",
    "unreachable": "That computer is off, or this one is not in its network (cable, Wi-Fi, VPN): try {route}.",
    "forbidden": "A firewall on this computer forbids it: see its rules by {rules}.",
    "cut": "Something on the way, such as a firewall or a proxy, cuts the connection: try `ping {address}`, and"
    " ask who runs the network.",
}


def connections(attempts: Sequence[Attempt], port: int, system: str) -> Iterator[Finding]:
    """A finding for each address. As the client takes the first that answers, another one seldom matters."""
    working = next((place for place, attempt in enumerate(attempts) if not attempt.problem), None)
    for place, attempt in enumerate(attempts):
        where = f"{attempt.address} port {port}"
        if not attempt.problem:
            yield Finding("connection", True, f"{where} is connected to in {_milliseconds(attempt.ms)}.")
        elif working is None:
            kind = _kind(attempt.problem)
            yield Finding("connection", False, f"{where} {_SAID[kind]}.", _cause(kind, attempt.address, port, system))
        else:
            yield _spare(where, _kind(attempt.problem), attempts[working].address, is_before=place < working)


def _spare(where: str, kind: _Problem, working: str, *, is_before: bool) -> Finding:
    """An address that fails while another one works. If it is tried first and says nothing, it costs time."""
    if is_before and kind == "silent":
        return Finding(
            "connection", False, f"{where} {_SAID[kind]}, and is tried before {working}.",
            f"Every start waits for it in vain: try `--host {working}`.",
        )  # fmt: skip
    return Finding("connection", True, f"{where} {_SAID[kind]}; that does no harm, as {working} answers.")


def _kind(problem: Exception) -> _Problem:
    match problem:
        case TimeoutError():
            return "silent"
        case ConnectionRefusedError():
            return "refused"
        case PermissionError():
            return "forbidden"
        case OSError(errno=number) if number in UNREACHABLE:
            return "unreachable"
    return "cut"


def _cause(kind: _Problem, address: str, port: int, system: str) -> str:
    return _CAUSES[kind].format(
        address=address, port=port, route=command(_ROUTE, system, address), rules=command(_RULES, system)
    )


def _milliseconds(ms: float) -> str:
    return f"{ms:.1f} ms" if ms < 10 else f"{ms:.0f} ms"


# ------------------------------------------------------------------------------------------------- the encryption


def encrypted(sealed: Sealed) -> Finding:
    """Both ends speak TLS."""
    return Finding("encryption", True, f"The connection is encrypted by {sealed.version}.")


def not_encrypted(sealed: Sealed | None) -> Finding:
    """Nobody wanted encryption; whether the server could do it."""
    if sealed:
        return Finding(
            "encryption", True, f"This connection is not encrypted, but could be, by {sealed.version}.",
            "Leave `--no-tls` away, unless everybody in this network may read along.",
        )  # fmt: skip
    return Finding("encryption", True, "This connection is not encrypted; use it only where you trust the network.")


def no_agreement(reason: str) -> Finding:
    """The server speaks TLS, but differently."""
    return Finding(
        "encryption", False, f"The server speaks TLS, but no encryption could be agreed on ({visible(reason)}).",
        "Something on the way changes what is sent, or the server's certificate is broken: ask who runs the server to"
        " look at its log.",
    )  # fmt: skip


def trusted(sealed: Sealed) -> Finding:
    """The certificate is the one that is pinned."""
    return Finding("certificate", True, f"It is the one that is known: {_print_of(sealed)}.")


def not_known(sealed: Sealed) -> Finding:
    """Nothing is pinned yet."""
    return Finding(
        "certificate", True, f"It is not known here yet: {_print_of(sealed)}.",
        "Compare these words with those that chatroom-server printed; the client trusts what it sees first.",
    )  # fmt: skip


def untrusted(what: str, text: str) -> Finding:
    """A client would stop here, and say this."""
    return Finding(what, False, text, _STOPS)


def _print_of(sealed: Sealed) -> str:
    return f"{sealed.words} (SHA-256 {sealed.fingerprint})"


_STOPS = "Nothing is said to this server until that is settled; then run `chatroom-client doctor` again."


def no_second_connection(problem: Exception, port: int, system: str, address: str) -> Finding:
    """Whether it speaks TLS could not be tried."""
    kind = _kind(problem)
    return Finding(
        "encryption", False, f"A second connection was not possible: {address} port {port} {_SAID[kind]}.",
        _cause(kind, address, port, system),
    )  # fmt: skip


# ---------------------------------------------------------------------------------- the round trip and the clock


def round_trip(ms: float | None, address: str) -> Finding:
    """The median of a few pings; None where none was answered in time."""
    if ms is None:
        return Finding(
            "round trip", False, "The server answered once, and then no more.",
            f"The line or the server is overloaded: try `ping {address}`.",
        )  # fmt: skip
    took = f"A round trip takes {_milliseconds(ms)}"
    if ms > SLOW_MS:
        return Finding(
            "round trip", False, f"{took}: what you say is seen late.",
            f"The line is slow or busy: try `ping {address}`, and a cable in place of Wi-Fi.",
        )  # fmt: skip
    return Finding("round trip", True, f"{took}: {'good' if ms < GOOD_MS else 'good enough'}.")


def clock(ahead_ms: int, system: str) -> Finding:
    """How far this computer's clock is ahead of the server's."""
    if abs(ahead_ms) < 1_000:
        return Finding("clock", True, "This computer's clock and the server's agree.")
    side = "ahead of" if ahead_ms > 0 else "behind"
    text = f"This computer's clock is {_span(round(abs(ahead_ms) / 1_000))} {side} the server's."
    if abs(ahead_ms) <= CLOCK_SECONDS * 1_000:
        return Finding("clock", True, text)
    return Finding(
        "clock", False, text,
        "Times beside messages look wrong: if this computer's clock is the wrong one, try"
        f" {command(_SET_CLOCK, system)}{', as administrator' if system == 'win32' else ''}.",
    )  # fmt: skip


_UNITS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))
_DAYS_SHOWN = 10_000


def _span(seconds: int) -> str:
    """In the unit of which there are at least two: `90 seconds`, `3 hours`. A peer may send any number."""
    if seconds >= _DAYS_SHOWN * 86_400:
        return f"more than {_DAYS_SHOWN} days"
    size, unit = next(unit for unit in _UNITS if seconds >= 2 * unit[0] or unit[0] == 1)
    return f"{seconds // size} {unit}" if seconds != 1 else "1 second"
