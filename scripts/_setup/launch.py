"""Start a program in its environment: in place of this process, or beside it.

Knows how signals and Ctrl-C reach a program on each system, and that trouble is told in a sentence, not in a traceback.
Does not know how environments are made.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from _setup import advice, environment
from _setup.environment import Environment

INTERRUPTED = 130


def start(name: str) -> NoReturn:
    """Run one of the project's commands with the arguments that this script was given."""
    with in_plain_words():
        home = environment.prepare("run")
        become([home.command(name), *sys.argv[1:]], home)


@contextmanager
def in_plain_words() -> Iterator[None]:
    """End the script with a sentence where the set-up fails."""
    try:
        yield
    except advice.SetupError as error:
        sys.exit(f"[-] {error}")
    except OSError as error:
        sys.exit(f"[-] {advice.on_system_error(error)}")
    except KeyboardInterrupt:
        environment.say("\n[-] Interrupted; the next start begins again.")
        sys.exit(INTERRUPTED)


def become(command: list[str], home: Environment) -> NoReturn:
    """Go on as this program. On POSIX the process itself turns into it, so every signal reaches it.

    Windows has nothing like that: there this process waits beside it.
    """
    if os.name == "nt":
        sys.exit(run_beside(command, home))
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(command[0], command, environment.variables(home))


def run_beside(command: list[str], home: Environment) -> int:
    """Run a program in the checkout's environment, wait for it, and give back its exit code.

    Ctrl-C goes from the terminal to both: it is the program's to act on, and we stay until it has.
    """
    program = subprocess.Popen(command, env=environment.variables(home))
    while True:
        with suppress(KeyboardInterrupt):
            return program.wait()
