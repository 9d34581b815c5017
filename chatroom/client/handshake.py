"""Why no encryption came about: what a server's first bytes, and what TLS made of them, mean for who called it.

Knows TLS's reasons, and what a server may say before any. Knows no sockets, and nothing of who tries again.
"""

from chatroom.client.refusals import is_heard_unencrypted
from chatroom.client.trust import Trust
from chatroom.errors import ChatError, Refusal
from chatroom.messages import Error
from chatroom.net.tls import TlsLayer
from chatroom.text import visible
from chatroom.wire import native

_HEARD = 1_024
_RECORDS = (b"\x14", b"\x15", b"\x16", b"\x17")
"""A record of TLS begins with one of these."""

_TOO_OLD = frozenset(
    (
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "UNSUPPORTED_PROTOCOL",
        "WRONG_SSL_VERSION",
        "WRONG_VERSION_NUMBER",
    )
)


class Layer(TlsLayer):
    """One that remembers how the server began. See TlsLayer."""

    heard = b""

    def receive(self, data: bytes) -> bytes:
        if not self.is_open:
            self.heard = (self.heard + data)[:_HEARD]
        return super().receive(data)

    def heard_tls(self) -> bool:
        """Whether the server speaks TLS, as it seems. Any thread."""
        return self.heard.startswith(_RECORDS)


def what_failed(layer: Layer, trust: Trust) -> ChatError | None:
    """What is known of who answered; None where TLS was spoken, and it went wrong for another reason."""
    if not layer.heard_tls():
        return _openly_refused(layer.heard) or trust.unencrypted()
    return trust.too_old() if layer.failure and layer.failure.reason in _TOO_OLD else None


def _openly_refused(heard: bytes) -> Refusal | None:
    """A server that has no room says so at once, whoever comes, and however."""
    for event in native.events().receive(heard):
        if isinstance(event, Error) and event.fatal and is_heard_unencrypted(event.code):
            return Refusal(event.code, visible(event.text), fatal=True)
    return None
