"""What a word is to a search, in every store: letters and digits, whatever their case, accents and width.

Knows Unicode. Knows no stores: what comes out of here means nothing to a database.
"""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from chatroom.messages import Message

MOST_WORDS = 32


def words_in(text: str) -> list[str]:
    return text.translate(_LETTERS).split()


def spaced(text: str) -> str:
    """Its words alone, as an index of words is given them."""
    return " ".join(words_in(text))


def asked_for(query: str) -> list[str]:
    """As many of a query's words as are looked for; the last may be the beginning of one."""
    return words_in(query)[:MOST_WORDS]


def newest(found: Iterable[Message], limit: int) -> list[Message]:
    return sorted(found, key=lambda message: (-message.time, -message.seq))[:limit]


class _Letters:
    """For each character what is left of it in a word, or a space. Strangers choose them, so few are remembered."""

    def __getitem__(self, point: int) -> str:
        return _left_of(chr(point))


_LETTERS = _Letters()


@lru_cache(maxsize=4_096)
def _left_of(character: str) -> str:
    return "".join(map(_bare, unicodedata.normalize("NFKD", character))).casefold()


def _bare(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] in "LN" or category == "Co":
        return character
    return "" if category[0] == "M" else " "
