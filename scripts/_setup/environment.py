"""Make and find the environments of a checkout: one for running, one for testing, for each Python that is used.

Knows venv, pip and the locks. An environment counts as made once its stamp is written, which is the last step: one that
was interrupted, or made from another lock, is thrown away and made anew. Does not know what is run in it.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import time
import tomllib
from pathlib import Path
from typing import Literal, NamedTuple

from _setup import advice
from _setup.turns import turn

ROOT = Path(__file__).resolve().parent.parent.parent
HOMES = ROOT / ".venv"

Kind = Literal["run", "test"]

NOT_INHERITED = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHOME",
    "__PYVENV_LAUNCHER__",
    "PIP_PREFIX",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_TARGET",
    "PIP_USER",
)
"""Variables that would send a program, or pip, to another Python than the environment's, or make its starts slow."""


class Environment(NamedTuple):
    """Where one environment is and what it is made from."""

    home: Path
    lock: Path

    @property
    def bin(self) -> Path:
        """The folder of its commands."""
        return self.home / ("Scripts" if os.name == "nt" else "bin")

    @property
    def stamp(self) -> Path:
        """The file that says that it is whole."""
        return self.home / "chatroom-stamp"

    def command(self, name: str) -> str:
        """The path of one of its commands."""
        return str(self.bin / (f"{name}.exe" if os.name == "nt" else name))


def prepare(kind: Kind) -> Environment:
    """The environment of this kind for this Python, made now if it is not there or not up to date."""
    environment = describe(kind)
    if not is_ready(environment):
        make_in_turn(environment)
    return environment


def describe(kind: Kind) -> Environment:
    """Where the environment of this kind for this Python belongs."""
    python = platform.python_version() + getattr(sys, "abiflags", "")
    return Environment(
        home=HOMES / f"{python}-{sysconfig.get_platform()}-{kind}",
        lock=ROOT / "scripts" / f"lock-{kind}.txt",
    )


def is_ready(environment: Environment) -> bool:
    """Whether it was made whole, from what the checkout asks for now, and its Python still exists."""
    try:
        found = environment.stamp.read_text(encoding="ascii")
    except OSError:
        return False
    return found == fingerprint(environment) and Path(environment.command("python")).exists()


def fingerprint(environment: Environment) -> str:
    """All that an environment depends on: the lock, what pyproject.toml says of the project, its place, its Python."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    parts = (
        environment.lock.read_text(encoding="utf-8"),
        json.dumps([pyproject["build-system"], pyproject["project"]], sort_keys=True),
        str(environment.home),
        str(Path(sys.executable).resolve()),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def make_in_turn(environment: Environment) -> None:
    """Make it, unless another run is at it already: then wait, and use that one's work."""
    if missing := advice.missing_parts():
        raise advice.SetupError(advice.on_missing_parts(missing, advice.look_around()))
    HOMES.mkdir(exist_ok=True)
    with turn(environment.home.with_name(f"{environment.home.name}.lock"), on_wait=_say_waiting):
        if not is_ready(environment):
            make(environment)


def make(environment: Environment) -> None:
    """Make it from nothing, stamp last. The caller has the turn."""
    begun = time.monotonic()
    say(f"[*] Making what chatroom needs, once, in {environment.home.relative_to(ROOT)}")
    if environment.home.exists():
        shutil.rmtree(environment.home)
    for what, command in steps(environment):
        say(f"[*] {what}")
        run_step(what, command)
    write_stamp(environment)
    say(f"[+] Ready after {time.monotonic() - begun:.0f} s.")


def steps(environment: Environment) -> list[tuple[str, list[str]]]:
    """What is done, in order: a name for people, and the command.

    Only the second step may use the network. The project itself is linked, not copied, by the locked build backend.
    """
    pip = [environment.command("python"), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input"]
    install = [*pip, "install", "--quiet", "--progress-bar=off", "--no-deps"]
    return [
        ("an empty environment", [sys.executable, "-I", "-m", "venv", str(environment.home)]),
        (
            f"the packages of scripts/{environment.lock.name}, each checked against its hash",
            [*install, "--require-hashes", "-r", str(environment.lock)],
        ),
        (
            "the commands chatroom-server and chatroom-client",
            [*install, "--no-index", "--no-build-isolation", "--editable", str(ROOT)],
        ),
    ]


def run_step(what: str, command: list[str]) -> None:
    """Run one step in silence; where it fails, say why."""
    step = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=variables(),
        close_fds=False,  # it shares the turn, see turns.turn
        check=False,
    )
    if step.returncode != 0:
        raise advice.SetupError(advice.on_failed_step(what, step.stdout))


def write_stamp(environment: Environment) -> None:
    """Declare it whole, in one step of the file system."""
    draft = environment.stamp.with_suffix(".new")
    draft.write_text(fingerprint(environment), encoding="ascii")
    draft.replace(environment.stamp)


def variables(environment: Environment | None = None) -> dict[str, str]:
    """The environment variables for a program; with its environment, that one's commands are found first."""
    own = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    if environment:
        own["VIRTUAL_ENV"] = str(environment.home)
        own["PATH"] = os.pathsep.join([str(environment.bin), own.get("PATH", os.defpath)])
    return own


def say(line: str) -> None:
    """Tell the person what goes on. On stderr: stdout belongs to the program that will run."""
    print(line, file=sys.stderr, flush=True)


def _say_waiting() -> None:
    say("[*] Another run is making this environment; waiting for it.")
