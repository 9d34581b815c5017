"""What to tell a person when the set-up cannot go on: one plain sentence, and the one command that helps.

Knows the package managers by name and pip's ways to say that there is no network. Pure but for `look_around`: what is
known of the machine comes in as Facts, so the advice for every system can be tried on any.
"""

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

INSTALL = {
    "apt": "apt install",
    "dnf": "dnf install",
    "apk": "apk add",
    "pacman": "pacman -S",
    "zypper": "zypper install",
    "brew": "brew install",
}
"""How each package manager is told to install, in the order in which they are looked for."""

NEEDS_NO_ROOT = {"brew"}

PYTHON_PACKAGES = {
    "apt": "python3-venv",
    "dnf": "python3 python3-pip",
    "apk": "python3 py3-pip",
    "pacman": "python python-pip",
    "zypper": "python3 python3-pip",
    "brew": "python3",
}
"""What brings venv and ensurepip to the system's own Python."""

NO_NETWORK = (
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
    "Network is unreachable",
)

TAIL = 12
"""So many of the last lines of a failed step are shown: its reason stands at the end."""


class SetupError(Exception):
    """The set-up cannot go on; the text is for the person at the keyboard, whole."""


class Facts(NamedTuple):
    """What the advice depends on."""

    python: str
    version: tuple[int, int]
    manager: str | None
    is_root: bool
    is_system_python: bool
    is_default_python: bool
    has_package_lists: bool


def look_around() -> Facts:
    """Ask this machine for the facts."""
    python = Path(sys.executable).resolve()  # of an environment's Python, the one that it was made of
    return Facts(
        python=str(python),
        version=sys.version_info[:2],
        manager=next(filter(shutil.which, INSTALL), None),
        is_root=getattr(os, "geteuid", lambda: 1)() == 0,
        is_system_python=python.is_relative_to("/usr/bin"),
        is_default_python=python == Path("/usr/bin/python3").resolve(),
        has_package_lists=any(Path("/var/lib/apt/lists").glob("*_Packages*")),
    )


def missing_parts() -> list[str]:
    """Which parts of the standard library are left out here; some systems pack them apart."""
    return [name for name in ("venv", "ensurepip") if not is_whole(name)]


def is_whole(package: str) -> bool:
    """Whether it can be imported; an emptied folder, as a removed system package leaves it, is not enough."""
    spec = find_spec(package)
    return spec is not None and spec.origin is not None


def on_missing_parts(parts: list[str], facts: Facts) -> str:
    """What to do about a Python that cannot make an environment."""
    lacks = f"This Python ({facts.python}) comes without {' and '.join(parts)}"
    if facts.manager and facts.is_system_python:
        return f"{lacks}; this installs what is missing, then start again:\n\n    {python_command(facts)}\n"
    return f"{lacks}; start with another one, for example from https://www.python.org/downloads/."


def python_command(facts: Facts) -> str:
    """The command that completes the system's Python."""
    package = PYTHON_PACKAGES[facts.manager or "apt"]
    if facts.manager == "apt" and not facts.is_default_python:
        package = "python{}.{}-venv".format(*facts.version)
    return install_command(package, facts)


def install_command(package: str, facts: Facts) -> str:
    """The line to type that installs a package here; on a Debian that has never seen a list, it fetches one first."""
    if facts.manager is None:
        return f"your system's package {package}"
    sudo = "" if facts.is_root or facts.manager in NEEDS_NO_ROOT else "sudo "
    update = f"{sudo}apt update && " if facts.manager == "apt" and not facts.has_package_lists else ""
    return f"{update}{sudo}{INSTALL[facts.manager]} {package}"


def on_failed_step(what: str, output: str) -> str:
    """What to say when a step has failed with this output."""
    tail = "\n".join(output.strip().splitlines()[-TAIL:])
    if any(sign in tail for sign in NO_NETWORK):
        return (
            "The package index cannot be reached: connect this machine to the network once (or name a mirror in "
            "PIP_INDEX_URL) and start again."
        )
    return f"{tail}\n\nThe step that failed: {what}. Mend what it names and start again; it begins anew."


def on_system_error(error: OSError) -> str:
    """What to say when the system refuses a file or a program."""
    where = f" ({error.filename})" if error.filename else ""
    return f"The set-up cannot go on: {error.strerror or error}{where}. Mend that and start again."
