"""Take the pictures in the README anew: a real session is played, and what its screen showed is written down.

Knows where the scene is. Does not know what happens in it.
"""

import os
import sys

from _setup import environment, launch


def main() -> int:
    """Play the scene with what the tests have: the emulated terminal is one of their parts."""
    home = environment.prepare("test")
    os.chdir(environment.ROOT)
    return launch.run_beside([home.command("python"), "-m", "tests.client.pictures", *sys.argv[1:]], home)


if __name__ == "__main__":
    with launch.in_plain_words():
        sys.exit(main())
