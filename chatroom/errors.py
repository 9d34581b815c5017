"""Every error of chatroom. Knows codes and sentences; knows nothing of sockets, stores or screens.

ChatError                 text: one plain sentence for people
├── Refusal               a request was refused: code, text, fatal
├── StoreFailed           the store could not write or read just now; it may again later
├── StartError            a server cannot start: port taken, folder not writable, store unusable ...
│   └── StoreUnusable     the store is damaged, foreign, newer than this program, or in use
└── ConnectionFailed      a client cannot reach its server, or has been closed
    ├── NotAChatroom      something else answers there
    └── Untrusted         its encryption is not to be trusted: nobody tries again by himself
        ├── CertificateChanged   it is not the one that is known, or not the one that was asked for
        ├── CertificateExpired   its time is over
        └── Downgrade            a server that is known to be encrypted is so no more
"""


class ChatError(Exception):
    """The root of the tree. `str(error)` is a whole sentence, safe to show to people."""

    @property
    def text(self) -> str:
        return str(self)


class Refusal(ChatError):
    """A request that is not granted. On the wire it is an `error` message with the same three facts."""

    def __init__(self, code: str, text: str, *, fatal: bool = False, registered: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.fatal = fatal
        self.registered = registered
        """Whether the name that was asked for is an account's: its password opens it."""


class StoreFailed(ChatError):
    """The disk is full, locked or failing. Nothing of what was asked is stored; asking again may work."""


class StartError(ChatError):
    """The server cannot start, and nothing was changed or overwritten."""


class StoreUnusable(StartError):
    """The store's file is damaged, is not chatroom's, is of a newer version, or belongs to a running server."""


class ConnectionFailed(ChatError):
    """No server was found there, or this client is closed."""


class NotAChatroom(ConnectionFailed):
    """What answers there does not speak our protocol."""


class Untrusted(ConnectionFailed):
    """Nothing was said to the server, because who it is cannot be made sure of. People have to decide."""

    code = "untrusted"
    """What it is called where there is room for a word only."""


class CertificateChanged(Untrusted):
    """The server's certificate is not the one that is pinned, or that its user asked for."""

    code = "certificate_changed"


class CertificateExpired(Untrusted):
    """The server's certificate is the right one, but its time is over."""

    code = "certificate_expired"


class Downgrade(Untrusted):
    """The server was known with encryption, and offers none now, or none that is safe."""

    code = "downgrade"
