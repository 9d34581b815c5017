"""What a name, a room, a topic and a message may hold, and how network text is made safe for a terminal.

Knows Unicode. Knows nothing of who is asking, and nothing of bytes: what comes here is `str` already.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise

from chatroom.errors import Refusal

USERNAME_LENGTH = 32
ROOM_LENGTH = 50
MESSAGE_LENGTH = 4_000
TOPIC_LENGTH = 300
EMOJI_LENGTH = 16

# Letters by their category, but nothing is seen of them: the Hangul fillers and the blank hieroglyphs.
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\U00013441\U00013442")
_NAME_MARKS = frozenset("_-.")
_NAME_MARK = re.compile("[_.-]")
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
    name = _name(raw, USERNAME_LENGTH, "A username")
    _refuse_look_alikes(name, name)
    return name


def room_name(raw: str) -> str:
    """The room's name as it will be shown, or `bad_name`. Each of its words is judged by itself: отдел-IT is fine."""
    name = _name(raw, ROOM_LENGTH, "A room's name")
    if not name.isascii():
        for word in _NAME_MARK.split(name):
            _refuse_look_alikes(word, name)
    return name


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


# Alphabets whose letters look like those of another one. By what Unicode calls their letters; OLD is Old Italic's.
_LOOK_ALIKES = frozenset(
    (
        *("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "COPTIC", "CHEROKEE", "LISU", "GOTHIC", "DESERET", "OSAGE"),
        *("OLD", "CARIAN", "LYCIAN", "LYDIAN", "DIGIT"),
    )
)


def _refuse_look_alikes(word: str, name: str) -> None:
    """Two alphabets in one word may make it look like another: раypal. What people really mix, does not."""
    if word.isascii():
        return
    alphabets = _LOOK_ALIKES.intersection(map(_alphabet, word))
    if len(alphabets) > 1:
        both = " and ".join(sorted(alphabet.capitalize() for alphabet in alphabets)).replace("Digit", "foreign digits")
        raise Refusal("bad_name", f"The name {name} mixes letters that look alike, {both}; use one alphabet only.")


def _alphabet(character: str) -> str:
    """The first word of its name, if it is a letter. The digits of other scripts look like letters of ours."""
    if character.isdecimal():
        return "" if character.isascii() else "DIGIT"
    return unicodedata.name(character, "").partition(" ")[0]


def message(raw: str) -> str:
    """The text without its control characters, or `empty_message` or `too_long`. Nothing is cut silently."""
    # Printable text holds no control character, and asking is much cheaper than a search.
    text = raw if raw.isprintable() else _CONTROLS.sub("", raw)
    if not text:
        raise Refusal("empty_message", "A message needs at least one character that can be shown.")
    if len(text) > MESSAGE_LENGTH:
        raise Refusal("too_long", f"A message has at most {MESSAGE_LENGTH} characters; this one has {len(text)}.")
    return text


def are_plain(raws: Sequence[str], *, printable: bool = False) -> bool:
    """Whether all of these, as nearly all are, are messages as they stand; perhaps they are known to be `printable`
    ASCII. Told from all at once: asking each costs three times as much. If not, each must be looked at by itself."""
    fit = all(raws) and max(map(len, raws)) <= MESSAGE_LENGTH
    return fit and (printable or _has_no_controls("".join(raws)))


def _has_no_controls(text: str) -> bool:
    """Of ASCII only: whatever holds anything else is to be looked at closely."""
    return text.isascii() and len(text.encode().translate(None, _ASCII_CONTROLS)) == len(text)


def topic(raw: str) -> str:
    """A topic is one line; an empty one clears it."""
    text = " ".join(_CONTROLS.sub("", raw).split())
    if len(text) > TOPIC_LENGTH:
        raise Refusal("too_long", f"A topic has at most {TOPIC_LENGTH} characters; this one has {len(text)}.")
    return text


def emoji(raw: str) -> str:
    """A reaction: a few characters that can be shown, without a blank; or `bad_request`."""
    if not 0 < len(raw) <= EMOJI_LENGTH or "".join(raw.split()) != raw or visible(raw) != raw:
        raise Refusal("bad_request", f"A reaction is one emoji, of at most {EMOJI_LENGTH} characters.")
    return raw


# Nothing is seen of these, so they could hide something: some fillers and signs, and what selects variants.
_UNSEEN = _BLANK_LETTERS.union(
    "\u034f\u17b4\u17b5\u180b\u180c\u180d\u180f\U00016fe4\U0001d159",
    map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))),
)
# What is drawn onto the character before it: marks, and the vowels and ends of a Hangul syllable.
_STACKED = frozenset(("Mn", "Mc", "Me"))
_STACKED_LETTERS = frozenset(map(chr, (*range(0x1160, 0x1200), *range(0xD7B0, 0xD800))))
_MOST_STACKED = 8
_UNSHOWABLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_CONDITIONAL = _UNSHOWABLE | _STACKED
# Patterns, compiled when they are first looked for: that would take 10 ms of every start, and few texts need them.
_PICTURES = "©®‼⁉™ℹ\u2190-\u27ff\u2900-\u2bff〰〽㊗㊙\U0001f000-\U0001faff"
_PICTURE = f"[{_PICTURES}]"
_VARIABLE = f"[#*0-9{_PICTURES}]"
# Arabic to Sinhala, Myanmar, Khmer to Mongolian, Balinese to Batak: there a joiner changes how the letters are drawn.
_JOINED = "[\u0620-\u0dff\u1000-\u109f\u1780-\u18af\u1b00-\u1bff]"
_VARIANTS = "\ufe0e\ufe0f"
_JOINERS = "\u200c\u200d"


def visible(text: str) -> str:
    """Network text as one line that is safe for a terminal: nothing in it can move, colour, hide or reorder."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\t", "    ").replace("\n", " ").replace("\N{BRAILLE PATTERN BLANK}", " ")
    return text if _is_harmless(text) else "".join(_visible(text))


def _is_harmless(text: str) -> bool:
    """Whether each character may be shown, whatever stands beside it."""
    return (
        _CONDITIONAL.isdisjoint(map(unicodedata.category, text))
        and _UNSEEN.isdisjoint(text)
        and _STACKED_LETTERS.isdisjoint(text)
    )


def _visible(text: str) -> Iterator[str]:
    """Each character, or a sign in its place. All that towers above a character has one sign in all."""
    before, height = "", 0
    for character, after in pairwise(f"{text} "):
        height = height + 1 if _is_stacked(character) else 0
        before = character if _may_stand(character, before, after, height) else "\N{REPLACEMENT CHARACTER}"
        if height <= _MOST_STACKED + 1:
            yield before


def _may_stand(character: str, before: str, after: str, height: int) -> bool:
    if character in _VARIANTS:
        return bool(re.match(_VARIABLE, before))
    if character in _JOINERS:
        return _may_join(character, before, after)
    return _may_be_shown(character) and height <= (_MOST_STACKED if before else 0)


def _may_join(joiner: str, before: str, after: str) -> bool:
    """Between the parts of an emoji, or letters of scripts that need it."""
    if not _may_be_shown(after) or _is_stacked(after):
        return False
    is_in_word = re.match(_JOINED, before) and re.match(_JOINED, after)
    is_in_emoji = joiner == "\u200d" and (before == "\ufe0f" or _is_picture(before)) and _is_picture(after)
    return bool(is_in_word or is_in_emoji)


def _is_picture(character: str) -> bool:
    return bool(re.match(_PICTURE, character))


def _may_be_shown(character: str) -> bool:
    """Also emoji that are newer than this Python."""
    category = unicodedata.category(character)
    is_known = category not in _UNSHOWABLE or (category == "Cn" and _is_picture(character))
    return is_known and character not in _UNSEEN


def _is_stacked(character: str) -> bool:
    return unicodedata.category(character) in _STACKED or character in _STACKED_LETTERS


# Scripts that put no blank between words, or hang endings on a name: there a word is found wherever it stands.
_SPACELESS = "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]"


def stands_in(text: str, word: str) -> bool:
    """Whether the word stands in the text, and not as a part of a longer one. Both are folded already."""
    start = text.find(word)
    while start >= 0:
        end = start + len(word)
        if not _are_one_word(text[start - 1 : start], word[0]) and not _are_one_word(text[end : end + 1], word[-1]):
            return True
        start = text.find(word, start + 1)
    return False


def _are_one_word(neighbour: str, edge: str) -> bool:
    return bool(neighbour) and _is_part_of_word(neighbour) and _is_part_of_word(edge)


def _is_part_of_word(character: str) -> bool:
    is_letter = character == "_" or unicodedata.category(character)[0] in "LMN"
    return is_letter and not re.match(_SPACELESS, character)
