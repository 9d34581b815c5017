"""Run the tests: the first run makes all that they need. Arguments go to pytest, and its exit code comes back.

Knows which tools outside Python the tests look for, and names at the end those that are not here. Does not know the
tests.
"""

import os
import sys

from _setup import advice, environment, launch, tools


def main() -> int:
    """Make the environment, run pytest in the checkout, say what was missing."""
    home = environment.prepare("test")
    facts = advice.look_around()
    if tools.may_install(facts, dict(os.environ)):
        tools.install(tools.missing())
    os.chdir(environment.ROOT)
    code = launch.run_beside([home.command("python"), "-m", "pytest", *sys.argv[1:]], home)
    print(tools.table(tools.missing(), facts), flush=True)
    return code


if __name__ == "__main__":
    with launch.in_plain_words():
        sys.exit(main())
