"""What requests and events are made of. Knows limits of numbers and frames only."""

from typing import Annotated, Literal

from msgspec import Meta

PROTOCOL = 1

REQUEST_FRAME = 65_536
"""The longest frame a client may send."""
EVENT_FRAME = 1 << 20
"""The longest frame a server may send: a page of history."""

DEFAULT_RECENT = 50

Id = Annotated[str, Meta(min_length=1, max_length=64)]
"""Printable ASCII. That it is, the codec sees to: a pattern here would cost half of all decoding."""
Seq = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Kind = Literal["text", "action"]
Role = Literal["guest", "member", "moderator", "admin"]
LONGEST = 100 * 365 * 86_400
"""Seconds: a hundred years, the longest that anything may be asked to last."""

Seconds = Annotated[int, Meta(ge=1, le=LONGEST)]
