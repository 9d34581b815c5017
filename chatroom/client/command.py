"""What a /command is, and how what stands behind it is read.

Knows words, times and addresses as people type them. Knows nothing of what any command does.
"""

import ipaddress
from collections.abc import Callable
from typing import Any, NamedTuple

from chatroom import durations

Handler = Callable[[Any, str], None]
"""Gets the Chat, and what stands behind the command."""


class Command(NamedTuple):
    """`arguments` is what stands in the help; in brackets what may be left out. `takes` is what Tab offers for it."""

    name: str
    arguments: str
    help: str
    handler: Handler
    takes: str = ""
    more: str = ""
    """What `/help NAME` adds."""

    @property
    def usage(self) -> str:
        return f"/{self.name} {self.arguments}".rstrip()

    def lacks(self, argument: str) -> bool:
        """Whether less is given than is needed."""
        words = self.arguments.split()
        needed = next((place for place, word in enumerate(words) if word.startswith("[")), len(words))
        return len(argument.split(maxsplit=needed)) < needed


def first_word(argument: str) -> tuple[str, str]:
    """The first word, and what follows it."""
    word, rest = (*argument.split(maxsplit=1), "", "")[:2]
    return word, rest


def name_of(word: str) -> str:
    """A person's name, with or without its mark."""
    return word.removeprefix("@")


def duration(argument: str) -> tuple[int | None, str]:
    """The seconds that the first word says, if it is a time; and what follows."""
    word, rest = first_word(argument)
    seconds = durations.seconds(word)
    return (seconds, rest) if seconds else (None, argument)


def is_address(word: str) -> bool:
    """Whether that is an address. A name that looks like one is told from it by its `@`."""
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True
