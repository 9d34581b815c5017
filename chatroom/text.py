"""What a name, a room, a topic and a message may hold, and how network text is made safe for a terminal.

Knows Unicode. Knows nothing of who is asking, and nothing of bytes: what comes here is `str` already.
"""

import re
import unicodedata
from collections.abc import Sequence

from chatroom.errors import Refusal

USERNAME_LENGTH = 32
ROOM_LENGTH = 50
MESSAGE_LENGTH = 4_000
TOPIC_LENGTH = 300

# Letters by their category, but nothing is seen of them: the Hangul fillers and the blank hieroglyphs.
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\U00013441\U00013442")
_NAME_MARKS = frozenset("_-.")
# All of Cc but newline and tab, and the controls that turn the direction of text around.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_ASCII_CONTROLS = bytes([*range(0x09), *range(0x0B, 0x20), 0x7F])
# NFKC sorts runs of combining marks in quadratic time: what is far too long is refused before it.
_LONGEST_RAW = 8


def fold(name: str) -> str:
    """The form by which names are compared: NFKC and casefold, repeated until nothing changes."""
    while (folded := unicodedata.normalize("NFKC", name).casefold()) != name:
        name = folded
    return name


def username(raw: str) -> str:
    """The username as it will be shown, or `bad_name`."""
    return _name(raw, USERNAME_LENGTH, "A username")


def room_name(raw: str) -> str:
    """The room's name as it will be shown, or `bad_name`."""
    return _name(raw, ROOM_LENGTH, "A room's name")


def _name(raw: str, longest: int, what: str) -> str:
    name = unicodedata.normalize("NFKC", raw) if len(raw) <= longest * _LONGEST_RAW else raw
    if len(name) > longest or not _is_name(name):
        raise Refusal(
            "bad_name",
            f"{what} has 1 to {longest} letters, digits, '_', '-' or '.', and starts with a letter or a digit.",
        )
    return name


def _is_name(name: str) -> bool:
    return bool(name) and _is_alphanumeric(name[0]) and all(_is_alphanumeric(c) or c in _NAME_MARKS for c in name)


def _is_alphanumeric(character: str) -> bool:
    category = unicodedata.category(character)
    return (category[0] == "L" or category == "Nd") and character not in _BLANK_LETTERS


def message(raw: str) -> str:
    """The text without its control characters, or `empty_message` or `too_long`. Nothing is cut silently."""
    # Printable text holds no control character, and asking is much cheaper than a search.
    text = raw if raw.isprintable() else _CONTROLS.sub("", raw)
    if not text:
        raise Refusal("empty_message", "A message needs at least one character that can be shown.")
    if len(text) > MESSAGE_LENGTH:
        raise Refusal("too_long", f"A message has at most {MESSAGE_LENGTH} characters; this one has {len(text)}.")
    return text


def are_plain(raws: Sequence[str]) -> bool:
    """Whether all of these, as nearly all are, are messages as they stand. Told from all at once: asking each costs
    three times as much. If not, each must be looked at by itself."""
    together, lengths = "".join(raws), [*map(len, raws)]
    return (
        together.isascii()
        and min(lengths) > 0
        and max(lengths) <= MESSAGE_LENGTH
        and len(together.encode().translate(None, _ASCII_CONTROLS)) == len(together)
    )


def topic(raw: str) -> str:
    """A topic is one line; an empty one clears it."""
    text = " ".join(_CONTROLS.sub("", raw).split())
    if len(text) > TOPIC_LENGTH:
        raise Refusal("too_long", f"A topic has at most {TOPIC_LENGTH} characters; this one has {len(text)}.")
    return text


# Invisible, but emoji are joined and coloured with them.
_EMOJI_JOINERS = frozenset("\u200d\ufe0e\ufe0f")
_UNSHOWABLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def visible(text: str) -> str:
    """Network text as one line that is safe for a terminal: nothing in it can move, colour, hide or reorder."""
    if text.isprintable():
        return text
    return "".join(map(_visible, text.replace("\t", "    ").replace("\n", " ")))


def _visible(character: str) -> str:
    if character in _EMOJI_JOINERS or unicodedata.category(character) not in _UNSHOWABLE:
        return character
    return "\N{REPLACEMENT CHARACTER}"
