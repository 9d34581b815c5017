"""Which refusals pass, because they speak of this moment or this connection, and not against the one who asked.

Knows codes. Knows nothing of when, or whether, anybody asks again.
"""

from chatroom.errors import ChatError, Refusal

_PASSING = frozenset(("store_failed", "slow_down", "internal", "shutting_down"))
_ANOTHER_NAME = frozenset(("name_taken", "bad_name"))
_PASSING_AT_THE_DOOR = _PASSING | {"full", "timeout", "bad_frame", "too_large"}


def passes(refusal: Refusal) -> bool:
    """Whether the same request may be granted in a while."""
    return refusal.code in _PASSING


def is_final(end: ChatError) -> bool:
    """Whether a connection that ended so is not worth another one."""
    return isinstance(end, Refusal) and end.code not in _PASSING_AT_THE_DOOR


def wants_another_name(refusal: Refusal) -> bool:
    """Whether the same person may come in by another name."""
    return refusal.code in _ANOTHER_NAME
