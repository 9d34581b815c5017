"""The numbers with which the client ends."""

import pytest

from chatroom.client import exits
from chatroom.client.settings import SettingError
from chatroom.errors import ChatError, ConnectionFailed, NotAChatroom, Refusal, StoreFailed


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
        (Refusal("name_taken", "The name ada is taken."), exits.REFUSED),
        (Refusal("what only a newer server says", ""), exits.REFUSED),
        (SettingError("--port: 'x' is no port."), exits.USAGE),
        (StoreFailed("The disk is full."), exits.FAILED),
        (ChatError("Something else."), exits.FAILED),
    ],
)
def test_each_error_has_its_code(error: ChatError, code: int) -> None:
    assert exits.of(error) == code
