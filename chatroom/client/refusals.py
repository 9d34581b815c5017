"""Which refusals pass, because they speak of this moment or this connection, and not against the one who asked.

Knows codes. Knows nothing of when, or whether, anybody asks again.
"""

from chatroom.errors import ChatError, Refusal, Untrusted

_PASSING = frozenset(("store_failed", "slow_down", "internal", "shutting_down"))
_ANOTHER_NAME = frozenset(("name_taken", "bad_name"))
_BEFORE_ENCRYPTION = _PASSING | {"full"}
_PASSING_AT_THE_DOOR = _BEFORE_ENCRYPTION | {"timeout", "bad_frame", "too_large"}


def passes(refusal: Refusal) -> bool:
    """Whether the same request may be granted in a while."""
    return refusal.code in _PASSING


def is_final(end: ChatError) -> bool:
    """Whether a connection that ended so is not worth another one."""
    return isinstance(end, Untrusted) or (isinstance(end, Refusal) and end.code not in _PASSING_AT_THE_DOOR)


def is_heard_unencrypted(code: str) -> bool:
    """Whether it is believed though it came in the open: a server that has no room may say so before any encryption.
    Whoever made it up gains nothing, as the next attempt is made all the same."""
    return code in _BEFORE_ENCRYPTION


def wants_encryption(refusal: Refusal) -> bool:
    """Whether the server would talk on an encrypted connection."""
    return refusal.code == "tls_required"


def wants_another_name(refusal: Refusal) -> bool:
    """Whether the same person may come in by another name."""
    return refusal.code in _ANOTHER_NAME
