"""The system's own programs that the tests look for: which are here, which are not, and what brings them.

Knows their names and packages. Does not know the tests: one that finds its tool missing says so itself.
"""

import os
import shutil
import subprocess
import sys
from typing import NamedTuple

from _setup.advice import Facts, install_command


class Tool(NamedTuple):
    """A program outside Python: any one of `programs` will do."""

    name: str
    programs: tuple[str, ...]
    shows: str
    package: str
    only_on: str = ""


TOOLS = (
    Tool("strace", ("strace",), "that every receipt follows a flush to the disk", "strace", "linux"),
    Tool("setpriv", ("setpriv",), "what happens without rights, if root runs this", "util-linux", "linux"),
    Tool("aplay", ("aplay",), "that a sound is played, and is not silence", "alsa-utils", "linux"),
    Tool("mpg123", ("mpg123",), "that a player of sounds is found", "mpg123", "linux"),
    Tool("openssl", ("openssl",), "that a flood of new TLS keys disturbs nobody", "openssl"),
    Tool("git", ("git",), "that nothing strange lies in the checkout", "git"),
)

APT = ("apt-get", "-qq", "-o=Dpkg::Use-Pty=0")


def missing() -> list[Tool]:
    """The tools that are not here."""
    return [tool for tool in TOOLS if not is_here(tool)]


def is_here(tool: Tool) -> bool:
    """Whether one of its programs is found."""
    return any(map(shutil.which, tool.programs))


def may_install(facts: Facts, variables: dict[str, str]) -> bool:
    """Whether this machine is ours to change: root on a Debian that says it is there for checks."""
    return facts.is_root and facts.manager == "apt" and variables.get("CI") == "true"


def install(tools: list[Tool]) -> None:
    """Install them by apt, quietly; what fails stays missing, and the summary names it."""
    packages = [tool.package for tool in tools]
    if packages and not _apt("install", "-y", "--no-install-recommends", *packages):
        _apt("update")
        _apt("install", "-y", "--no-install-recommends", *packages)


def _apt(*arguments: str) -> bool:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run([*APT, *arguments], env=quiet, capture_output=True, check=False).returncode == 0


def table(tools: list[Tool], facts: Facts) -> str:
    """What the tests had to do without, for people: the tool, what it shows, where it comes from."""
    if not tools:
        return "Every system tool that the tests look for is here."
    rows = [(tool.name, tool.shows, origin(tool, facts)) for tool in tools]
    lines = [f"  {name:<9} {shows:<47} {source}" for name, shows, source in rows]
    return "\n".join(["Missing here, so not everything was shown:", *lines])


def origin(tool: Tool, facts: Facts) -> str:
    """Where a tool comes from."""
    if tool.only_on and not sys.platform.startswith(tool.only_on):
        return f"only on {tool.only_on}"
    return install_command(tool.package, facts)
