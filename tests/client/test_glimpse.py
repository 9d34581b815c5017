"""What is shown once, page by page: without a screen, without a clock."""

import pytest

from chatroom.client.glimpse import Glimpse

TWO = ["one", "two"]


@pytest.fixture
def glimpse() -> Glimpse:
    return Glimpse()


def test_nothing_is_shown_of_nothing(glimpse: Glimpse) -> None:
    assert glimpse.offer([], is_free=True) == 0
    assert glimpse.lines(24) == []
    assert not glimpse.is_ripe


def test_it_opens_once_and_a_key_hides_it_only_when_it_was_there_long_enough(glimpse: Glimpse) -> None:
    opened = glimpse.offer(TWO, is_free=True)
    assert opened
    assert glimpse.lines(24) == ["[view once]", *TWO]
    assert not glimpse.is_ripe
    assert glimpse.offer(TWO, is_free=True) == 0, "it is open already"
    glimpse.ripen(opened)
    assert glimpse.is_ripe
    assert glimpse.lines(24) == ["[view once] press any key to hide", *TWO]
    assert glimpse.turn_page()
    assert (glimpse.lines(24), glimpse.is_ripe) == ([], False)


def test_where_somebody_types_it_waits_and_shows_nothing(glimpse: Glimpse) -> None:
    assert glimpse.offer(TWO, is_free=False) == 0
    assert glimpse.lines(24) == ["[view once] shown as soon as nothing is typed"]
    assert glimpse.offer(TWO, is_free=True)
    assert glimpse.offer(TWO, is_free=False) == 0
    assert TWO[0] in glimpse.lines(24), "what is open stays open"


def test_another_text_is_another_glimpse(glimpse: Glimpse) -> None:
    first = glimpse.offer(TWO, is_free=True)
    second = glimpse.offer(["three"], is_free=True)
    assert first != second
    glimpse.ripen(first)
    assert not glimpse.is_ripe, "the first one's time says nothing of the second"
    assert glimpse.lines(24) == ["[view once]", "three"]


def test_what_is_withdrawn_is_gone(glimpse: Glimpse) -> None:
    glimpse.ripen(glimpse.offer(TWO, is_free=True))
    glimpse.offer([], is_free=True)
    assert (glimpse.lines(24), glimpse.is_ripe) == ([], False)


@pytest.mark.parametrize("rows", [7, 3, 0])
def test_each_page_fits_the_screen_and_every_line_is_seen(glimpse: Glimpse, rows: int) -> None:
    lines = [str(number) for number in range(8)]
    seen: list[str] = []
    over = False
    while not over:
        glimpse.ripen(glimpse.offer(lines, is_free=True))
        title, *page = glimpse.lines(rows)
        seen += page
        assert len(page) <= max(1, rows - 4)
        assert ("to hide" in title) == (seen == lines)
        over = glimpse.turn_page()
    assert seen == lines
