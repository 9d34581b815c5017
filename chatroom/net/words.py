"""A certificate's fingerprint, and how people read it to each other: as ten short words.

Knows hashes and words. Knows nothing of certificates' contents, sockets or screens.
"""

import hashlib
import re

SPOKEN = 10
"""So many words are spoken: with 80 bits, nobody makes a second certificate that sounds the same."""

_WORDS = """
acorn actor apple april apron arrow artist atlas aunt autumn bacon badge bagel baker bamboo banana banjo barn basil
basket beach beaver bell berry bicycle birch blanket blossom boat bottle bridge broom bucket buffalo butter cabin
cactus camel candle canoe canyon captain carrot castle cedar cello cherry chess chicken chimney circus clock cloud
clover cobra coconut comet copper coral cotton cousin cradle crystal cupcake curtain daisy dancer desert diamond
dinner doctor dolphin donkey dragon drum eagle echo elbow elephant engine envelope fabric falcon farmer feather
ferry fiddle finger flag flamingo forest fountain fox fridge galaxy garden garlic giant ginger giraffe glacier glove
golf gorilla grape guitar hammer hamster harbor harvest hazel helmet hockey honey hotel husband iceberg igloo insect
island ivory jacket jaguar jelly jigsaw jockey jungle kangaroo kettle kingdom kitchen kitten koala ladder lantern
laptop lemon leopard lily lizard lobster locket lunch magnet mango maple marble market meadow melon mermaid mirror
monkey mosaic mountain mushroom napkin necklace needle ninja noodle notebook nugget oasis ocean octopus olive onion
orange orbit orchid otter oven oyster paddle pancake panda papaya parrot peanut pebble pelican pencil penguin pepper
piano picnic pigeon pillow pirate planet pocket poem popcorn potato pumpkin puppet purple puzzle pyramid rabbit
radish rainbow raven ribbon river robot rocket saddle salad salmon sandal satellite scarf school scissors shadow
shark shovel silver snail soccer spider spoon squirrel stadium statue summer sunset tango teapot temple ticket tiger
toast tomato tractor trumpet tulip tunnel turtle umbrella unicorn vacuum valley velvet violin volcano waffle wagon
walnut window winter wizard zebra zipper
"""
WORDS = tuple(_WORDS.split())
"""One for each value of a byte."""

_HEX = re.compile(r"(?:sha256(?:fingerprint)?[:=])?((?:[0-9a-f]{2}:?){31}[0-9a-f]{2})")


def fingerprint(der: bytes) -> str:
    """Of a certificate, or of anything else: 64 digits, in lower case."""
    return hashlib.sha256(der).hexdigest()


def as_words(fingerprint: str) -> str:
    """Its first bytes, to be compared by eye or over the telephone."""
    return " ".join(WORDS[byte] for byte in bytes.fromhex(fingerprint)[:SPOKEN])


def matches(given: str, fingerprint: str) -> bool:
    """Whether what somebody typed is this fingerprint: all its digits, in any of their usual forms, or its words."""
    words = re.findall(r"[^\s,-]+", given.casefold())
    digits = _HEX.fullmatch("".join(words))
    return digits[1].replace(":", "") == fingerprint if digits else " ".join(words) == as_words(fingerprint)
