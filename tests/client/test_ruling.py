"""What a moderator types: whom, for how long, and why, told from one another."""

import pytest

from chatroom.client.ruling import _ADDRESS, _length


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", (None, "")),
        ("2d", (2 * 86_400, "")),
        ("1h30m too loud", (5_400, "too loud")),
        ("too loud for 2d", (None, "too loud for 2d")),
        ("0s now", (None, "0s now")),
    ],
)
def test_a_time_stands_before_the_reason(words: str, told: tuple[int | None, str]) -> None:
    assert _length(words) == told


@pytest.mark.parametrize(
    ("whom", "is_address"),
    [("192.168.1.7", True), ("fe80::1", True), ("::1", True), ("bob", False), ("bob.2", False), ("1.2.3", False)],
)
def test_an_address_is_told_from_a_name(whom: str, *, is_address: bool) -> None:
    assert bool(_ADDRESS.fullmatch(whom)) == is_address
