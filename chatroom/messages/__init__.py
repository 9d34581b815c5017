"""The vocabulary: every message of the protocol as a frozen struct. These structs are the protocol's documentation.

Knows what each message holds. Knows nothing of bytes, dialects, sockets or rights. A new message is a new struct, and
a place in `AnyRequest` or `AnyEvent`; nothing else here changes.
"""

from chatroom.messages.events import *  # noqa: F403
from chatroom.messages.requests import *  # noqa: F403
from chatroom.messages.words import *  # noqa: F403
