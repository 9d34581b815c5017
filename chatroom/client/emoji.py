"""Names between colons that stand for emoji: `:smile:`, `:+1:`, `:tada:`.

Pure: knows the names, and where in a text colons mean something else. The many names are loaded when the first one is
needed: that takes a while, and most people never write one.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from chatroom.text import visible

# What is tried first wins: code and addresses are passed over whole. A name has no letter or digit at its sides, so
# that times and the like stay as they are; but names may follow each other.
_PLACES = re.compile(
    r"""```.*?```|`[^`\n]*`
      | ://\S+ | \bwww\.\S+
      | (?<![A-Za-z0-9_:]) (?P<names> (?: :[^\s:`]+: )+ ) (?![A-Za-z0-9_:])
    """,
    re.DOTALL | re.VERBOSE,
)
_NAME = re.compile(":([^:]+):")

_COMMON = """
+1 smile joy heart tada thumbsup rofl sob pray white_check_mark eyes fire rocket thinking 100 clap wave wink
slightly_smiling_face blush grin heart_eyes sweat_smile raised_hands ok_hand muscle shrug facepalm see_no_evil
sunglasses laughing smiley grinning kissing_heart hugs upside_down_face crossed_fingers sparkles star bulb warning x
bug coffee beer beers cake birthday party_popper partying_face broken_heart cry angry rage scream confused flushed
smirk unamused neutral_face sleeping skull poop ghost robot -1 thumbsdown point_up point_down point_left point_right v
ok heavy_check_mark question exclamation no_entry rotating_light construction hourglass lock key hammer wrench gear
package memo pushpin link calendar bell phone email sunny rainbow snowflake dog cat
"""
_RANKS = {name: rank for rank, name in enumerate(_COMMON.split())}
"""What people write most comes first when names are offered."""


def expand(text: str) -> str:
    """The text with emoji for their names. What is no name stays, and so do times, addresses and `code`."""
    return _PLACES.sub(_expand_place, text) if text.count(":") > 1 else text


def names(prefix: str) -> list[tuple[str, str]]:
    """The names that begin so, each with its emoji: what is most used first, then what is shortest. Each emoji once."""
    prefix = prefix.lower()
    begun = [name for name in _table() if name.lower().startswith(prefix)]
    begun.sort(key=lambda name: (_RANKS.get(name, len(_RANKS)), len(name), name.swapcase()))
    best: dict[str, str] = {}
    for name in begun:
        best.setdefault(_table()[name], name)
    return [(name, picture) for picture, name in best.items()]


def _expand_place(place: re.Match[str]) -> str:
    return _NAME.sub(_picture_of, place[0]) if place["names"] else place[0]


def _picture_of(name: re.Match[str]) -> str:
    """Also by a name in capitals, or with the dashes of other messengers."""
    table, lower = _table(), name[1].lower()
    return table.get(name[1]) or table.get(lower) or table.get(lower.replace("-", "_")) or name[0]


@cache
def _table() -> dict[str, str]:
    """Each name with its emoji. A short name may be another emoji's long one: then it is what people mean by it.

    What no client like this one would show as it is, such as a flag made of invisible letters, has no name.
    """
    from emoji import EMOJI_DATA, STATUS

    whole = [picture for picture, data in EMOJI_DATA.items() if data["status"] <= STATUS["fully_qualified"]]
    shown = {picture: EMOJI_DATA[picture] for picture in whole if visible(picture) == picture}
    long = {data["en"].strip(":"): picture for picture, data in shown.items()}
    short = {name.strip(":"): picture for picture, data in shown.items() for name in data.get("alias", ())}
    return long | short | dict(_other_names(shown))


_FIRST_FLAG_LETTER = ord("\N{REGIONAL INDICATOR SYMBOL LETTER A}")


def _other_names(pictures: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What other messengers name so: `flag-de`, `skin-tone-2` to follow a hand."""
    yield "simple_smile", "\N{SLIGHTLY SMILING FACE}"
    for number, tone in enumerate("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff", 2):
        yield f"skin-tone-{number}", tone
    for picture in pictures:
        letters = [ord(letter) - _FIRST_FLAG_LETTER for letter in picture]
        if all(0 <= letter < 26 for letter in letters):
            yield "flag-" + "".join(chr(ord("a") + letter) for letter in letters), picture
