"""The numbers with which the client ends."""

import pytest

from chatroom.client import exits
from chatroom.client.settings import SettingError
from chatroom.errors import (
    CertificateChanged,
    CertificateExpired,
    ChatError,
    ConnectionFailed,
    Downgrade,
    NotAChatroom,
    Refusal,
    StoreFailed,
    Untrusted,
)


def test_the_codes_are_what_scripts_rely_on() -> None:
    codes = {name: value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}
    assert codes == {
        "OK": 0,
        "FAILED": 1,
        "USAGE": 2,
        "UNREACHABLE": 3,
        "CERTIFICATE": 4,
        "REFUSED": 5,
        "REMOVED": 6,
        "UNSENT": 7,
        "PROTOCOL": 8,
        "EXPIRED": 9,
        "DOWNGRADE": 10,
        "TLS_REQUIRED": 11,
        "INTERRUPTED": 130,
    }
    assert [*exits.MEANINGS] == [*codes.values()]
    assert len(set(exits.MEANINGS.values())) == len(codes)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectionFailed("There is no address nowhere."), exits.UNREACHABLE),
        (NotAChatroom("What answers there is no chatroom server."), exits.PROTOCOL),
        (Refusal("protocol", "This server speaks another protocol."), exits.PROTOCOL),
        (Refusal("kicked", "You were kicked."), exits.REMOVED),
        (Refusal("banned", "You are banned."), exits.REMOVED),
        (Refusal("tls_required", "This server wants to be spoken to by TLS."), exits.TLS_REQUIRED),
        (CertificateChanged("It is another one."), exits.CERTIFICATE),
        (CertificateExpired("It has expired."), exits.EXPIRED),
        (Downgrade("It is encrypted no more."), exits.DOWNGRADE),
        (Untrusted("Nobody knows."), exits.UNREACHABLE),
        (Refusal("downgrade", "What a server says of itself is no finding of ours."), exits.REFUSED),
        (Refusal("name_taken", "The name ada is taken."), exits.REFUSED),
        (Refusal("what only a newer server says", ""), exits.REFUSED),
        (SettingError("--port: 'x' is no port."), exits.USAGE),
        (StoreFailed("The disk is full."), exits.FAILED),
        (ChatError("Something else."), exits.FAILED),
    ],
)
def test_each_error_has_its_code(error: ChatError, code: int) -> None:
    assert exits.of(error) == code


@pytest.mark.parametrize("kind", [CertificateChanged, CertificateExpired, Downgrade])
def test_an_end_that_is_known_by_its_name_alone_has_the_same_code(kind: type[Untrusted]) -> None:
    assert exits.of_code(kind.code) == exits.of(kind("")) != exits.REFUSED
    assert exits.of_code("banned") == exits.REMOVED
    assert exits.of_code("anything else") == exits.REFUSED
