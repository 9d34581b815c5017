"""How the commands come in: a client as the settings want it, and what is told before there is a conversation.

Knows settings and the client. Knows nothing of screens: who calls it says how to tell.
"""

from collections.abc import Callable

from chatroom.client import AGENT
from chatroom.client.clock import now
from chatroom.client.link import Link, LinkLost
from chatroom.client.refusals import wants_encryption
from chatroom.client.session import Client
from chatroom.client.settings import Settings
from chatroom.client.trust import Pin, Trust, data_folder
from chatroom.errors import ConnectionFailed, Refusal
from chatroom.messages import Notice

REACH_SECONDS = 10.0


def trust_of(settings: Settings) -> Trust | None:
    """Whom to trust; nobody, where nothing is to be encrypted."""
    return _trust(settings) if settings.tls else None


def _trust(settings: Settings, *, renews: bool = False) -> Trust:
    return Trust(data_folder(), settings.host, settings.port, settings.fingerprint, renews=renews)


def come_in(
    settings: Settings,
    username: str,
    tell: Callable[[str], object],
    *,
    password: str | None = None,
    server_password: str | None = None,
) -> Client:
    """A client that was let in. What it has to tell of one that was not is told."""
    client = Client(
        settings.host,
        settings.port,
        username=username,
        password=password,
        server_password=server_password,
        tls=settings.tls,
        fingerprint=settings.fingerprint,
        agent=AGENT,
    )
    try:
        return client.start()
    except Refusal as refusal:
        for event in client.events():
            if isinstance(event, Notice):
                tell(event.text)
        raise _with_advice(refusal, settings) from refusal


def _with_advice(refusal: Refusal, settings: Settings) -> Refusal:
    if not wants_encryption(refusal):
        return refusal
    return Refusal(refusal.code, f"{refusal.text} Leave {settings.origins['tls']} away.", fatal=refusal.fatal)


def reach(settings: Settings, trust: Trust | None) -> Pin | None:
    """Finds out whether there is a server at all, and whether it is the right one; nothing is said to it."""
    link = Link(settings.host, settings.port, now, trust)
    link.after(REACH_SECONDS, lambda: link.hang_up(LinkLost(f"{settings.host}:{settings.port} does not answer.")))
    try:
        return link.knock()
    except LinkLost as lost:
        raise ConnectionFailed(f"{lost.text} See what `chatroom-client doctor` says.") from lost
    finally:
        link.close()


def renew(settings: Settings) -> str:
    """Pins the certificate that the server has now, if it has the fingerprint of the settings. What is to be told."""
    trust = _trust(settings, renews=True)
    pin = reach(settings, trust)
    if problem := pin and trust.keep(pin):
        raise ConnectionFailed(problem)
    return f"{settings.host}:{settings.port} is trusted from now on."
