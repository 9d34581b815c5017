"""What Tab offers for the word before the cursor, and what was meant by one that is mistyped.

Pure: knows the marks by which commands, rooms, people and emoji are told apart. Knows nothing of who is where, and
nothing of keys: it is given what there is, and answers with what the word may become.
"""

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from chatroom.client import emoji
from chatroom.text import fold, visible

MOST = 30
"""So many words are offered: more would be a list to read."""

_OPENING = "([{<\"'«»“”„‘’*~"
"""These may stand before a name."""

# The boundaries are those by which `emoji.expand` goes. Another emoji may stand just before.
_EMOJI = re.compile(r"(?<![A-Za-z0-9_:`])(?::[^\s:`]+:)*:(?P<name>[^\s:`]{2,})$")
_COMMAND = re.compile(r"/(\S+)\s+")

# To most people these are letters with an accent, but to Unicode they are letters of their own.
_STROKES = str.maketrans("øłđħŧı", "oldhti")


class Word(NamedTuple):
    """A word that Tab may put in: it replaces what is typed from `start` on, counted backwards from the cursor."""

    text: str
    start: int


class Candidates(NamedTuple):
    """What there is to be named. `people` come in the order in which they are offered: last speakers first."""

    commands: Sequence[str]
    people: Sequence[str]
    rooms: Sequence[str]
    """Without `#`; a direct conversation has its `@`."""
    arguments: Mapping[str, str]
    """What each command's argument is: one of `_ARGUMENTS`, or "" for anything."""
    elsewhere: Sequence[str] = ()
    """People who are only in other rooms; a command may name them, too."""


def words(before: str, known: Candidates) -> list[Word]:
    """What the word just before the cursor may become, if `before` is all that stands there."""
    word = before.rsplit(maxsplit=1)[-1] if before[-1:].strip() else ""
    return list(islice(_offers(before.removesuffix(word), word, known), MOST))


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The one of the words that was probably meant: it looks much the same, or at least begins so."""
    words = list(words)
    begun = sorted((each for each in words if word and each.startswith(word)), key=len)
    return next(iter(difflib.get_close_matches(word, words, n=1) or begun), None)


def _offers(ahead: str, word: str, known: Candidates) -> Iterable[Word]:
    if not ahead and word.startswith("/"):
        return _begun(word, (f"/{name} " for name in known.commands))
    if argument := _ARGUMENTS.get(_kind_of_argument(ahead, word, known)):
        return _begun(word, argument(word, known))
    if begun := _EMOJI.search(word):
        return [Word(f":{name}:", begun.start("name") - 1 - len(word)) for name, _ in emoji.names(begun["name"])]
    name = word.lstrip(_OPENING)
    if name.startswith("#"):
        return _begun(name, _rooms(name, known))
    begins_line = name == word and not ahead.rpartition("\n")[2].strip()
    return _begun(name, (f"{person}: " if begins_line else person for person in _people(name, known)))


def _kind_of_argument(ahead: str, word: str, known: Candidates) -> str:
    """What is expected next, if all that is typed so far is a command."""
    command = _COMMAND.fullmatch(ahead)
    kind = known.arguments.get(command[1].lower(), "") if command else ""
    return "" if kind == "direct" and not word.startswith("@") else kind


def _begun(word: str, offers: Iterable[str]) -> Iterable[Word]:
    beginning = _plain(word)
    return (Word(offer, -len(word)) for offer in offers if _plain(offer).startswith(beginning))


def _plain(name: str) -> str:
    """The form in which accents and case make no difference. Half of a Korean syllable is its beginning, too."""
    letters = unicodedata.normalize("NFKD", fold(name))
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).translate(_STROKES)


# What may stand there, in the way in which the word was begun: with or without its mark.


def _people(word: str, known: Candidates) -> Iterable[str]:
    mark = "@" if word.startswith("@") else ""
    return (f"{mark}{visible(name)}" for name in known.people)


def _everybody(word: str, known: Candidates) -> Iterable[str]:
    return _people(word, known._replace(people=[*known.people, *known.elsewhere]))


def _list_of_people(word: str, known: Candidates) -> Iterable[str]:
    """After a comma the next one, but nobody twice."""
    named, comma, last = word.rpartition(",")
    before = {fold(name.removeprefix("@")) for name in named.split(",")}
    others = [name for name in known.people if fold(name) not in before]
    return (f"{named}{comma}{name}" for name in _people(last, known._replace(people=others)))


def _rooms(word: str, known: Candidates) -> Iterable[str]:
    mark = "#" if word.startswith("#") else ""
    return (f"{mark}{visible(room)}" for room in known.rooms if not (mark and room.startswith("@")))


def _rooms_and_people(word: str, known: Candidates) -> Iterable[str]:
    """Each once, also whom there is a direct conversation with already."""
    return dict.fromkeys([*_rooms(word, known), *_everybody("@", known)])


def _commands(word: str, known: Candidates) -> Iterable[str]:
    mark = "/" if word.startswith("/") else ""
    return (f"{mark}{name}" for name in known.commands)


_ARGUMENTS: dict[str, Callable[[str, Candidates], Iterable[str]]] = {
    "room": _rooms_and_people,
    "person": _everybody,
    "people": _list_of_people,
    "direct": _everybody,
    "command": _commands,
}
