"""How long things run, and from which seed: CHATROOM_STRESS is `short` or `long`, CHATROOM_SEED a number. The one place
where they are read; knows nothing else."""

import os
from typing import TypeVar

T = TypeVar("T")

IS_LONG = {"short": False, "long": True}[os.environ.get("CHATROOM_STRESS", "short")]

SEED = int(os.environ.get("CHATROOM_SEED", "1"))


def scaled(short: T, long: T) -> T:
    """Whichever of both was asked for."""
    return long if IS_LONG else short
