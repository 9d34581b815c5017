"""Write the two locks anew: every package that a run or a test run needs, pinned and hashed, for every system.

Knows how to ask uv (https://docs.astral.sh/uv/), which must be on the PATH; the other scripts need only pip. Does not
know what is asked for: that stands in pyproject.toml. Give `--upgrade` to move to the newest versions.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BASE_FLAGS = (
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--custom-compile-command=python3 scripts/lock.py",
    "--quiet",
)
# The tests come first and the run's lock is bound by theirs, so that what is tested is what runs.
LOCKS = (
    ("scripts/lock-test.txt", ("--group=build", "--group=test")),
    ("scripts/lock-run.txt", ("--group=build", "--constraints=scripts/lock-test.txt")),
)


def compile_lock(lock: str, flags: tuple[str, ...], extra: list[str]) -> None:
    """Ask uv for one lock; versions already in the file stay unless `--upgrade` is among the extra flags."""
    command = ["uv", "pip", "compile", *BASE_FLAGS, *flags, *extra, f"--output-file={lock}", "pyproject.toml"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    print(f"[+] {lock}")


def main() -> None:
    """Write both locks, in the order in which one binds the other."""
    try:
        for lock, flags in LOCKS:
            compile_lock(lock, flags, sys.argv[1:])
    except FileNotFoundError:
        sys.exit("uv is needed to write the locks: https://docs.astral.sh/uv/getting-started/installation/")
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)


if __name__ == "__main__":
    main()
