"""Frames written by hand, and all messages of a vocabulary, drawn by hypothesis: what is added there is drawn here."""

import json
from typing import Any, get_args

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from chatroom.wire import Unreadable

PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
IDS = st.text(PRINTABLE, min_size=1, max_size=64)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def frame(body: bytes | dict[str, Any]) -> bytes:
    """One frame, however wrong its body."""
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    return len(body).to_bytes(4, "big") + body


def texts(items: list[Any]) -> list[str]:
    return [item.error.text for item in items if isinstance(item, Unreadable)]


def codes(items: list[Any]) -> list[str]:
    """What was read, in short: the code of what was unreadable, the type's name of what was not."""
    return [item.error.code if isinstance(item, Unreadable) else type(item).__name__ for item in items]


def messages_of(vocabulary: Any) -> st.SearchStrategy[Any]:
    return st.one_of([_drawn(inspect.type_info(struct)) for struct in get_args(vocabulary)])


def _drawn(info: inspect.Type) -> st.SearchStrategy[Any]:
    """Values of the type, as msgspec understands it."""
    match info:
        case inspect.StructType(cls=cls, fields=fields):
            return st.builds(cls, **{field.name: _field(field) for field in fields})
        case inspect.UnionType(types=types):
            return st.one_of([_drawn(each) for each in types])
        case inspect.ListType(item_type=item):
            return st.lists(_drawn(item), max_size=3)
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(_drawn(key), _drawn(value), max_size=3)
        case inspect.LiteralType(values=values):
            return st.sampled_from(values)
        case inspect.IntType(ge=ge, le=le):
            return st.integers(-(1 << 63) if ge is None else ge, (1 << 63) - 1 if le is None else le)
        case inspect.StrType(min_length=shortest, max_length=longest):
            return st.text(min_size=shortest or 0, max_size=longest or 20)
    return _PLAIN[type(info)]


def _field(field: inspect.Field) -> st.SearchStrategy[Any]:
    if field.name == "id":
        return IDS if field.required else st.none() | IDS
    return _drawn(field.type)


_PLAIN: dict[type, st.SearchStrategy[Any]] = {
    inspect.BoolType: st.booleans(),
    inspect.NoneType: st.none(),
    inspect.FloatType: st.floats(allow_nan=False, allow_infinity=False),
    inspect.RawType: JSON.map(msgspec.json.encode).map(msgspec.Raw),
}
