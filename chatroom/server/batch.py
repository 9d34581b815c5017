"""What was posted in a room and not yet handed out, and what its posters are told if it adds nothing.

Knows members and what they said. Knows no store, no order and no locks.
"""

from collections.abc import Sequence
from typing import NamedTuple

from chatroom.errors import StoreFailed
from chatroom.messages import Error, Joined, Left, Say, Stored, Topic
from chatroom.server.member import Member
from chatroom.server.store import Appended, IdConflict, Said

SAY_WEIGHT = 100
"""What is said weighs so much beside its text."""


class News(NamedTuple):
    """What is not numbered and not kept: presence and topics. One member may be left out."""

    event: Joined | Left | Topic
    besides: Member | None = None


class Batch:
    """What was posted since the last one."""

    def __init__(self) -> None:
        self.posters: list[Member] = []
        self.said: list[Said] = []
        self.news: list[News] = []
        self.weight = 0
        self.entries = 0

    def add_said(self, member: Member, says: Sequence[Say]) -> None:
        self.posters.append(member)
        self.said.append(Said(member.owner, member.username, says))
        self.entries += 1
        self.weight += sum([len(say.message) for say in says]) + SAY_WEIGHT * len(says)

    def add_news(self, news: News) -> None:
        self.news.append(news)
        self.entries += 1
        self.weight += SAY_WEIGHT

    def answer(self, appended: Appended, failure: StoreFailed | None) -> None:
        """Tells those whose words added nothing why."""
        if failure:
            for member, said in zip(self.posters, self.said, strict=True):
                member.answer(*(_error("store_failed", failure.text, say.id) for say in said.says))
        for place, repeat in appended.repeats:
            self.posters[place].answer(repeat if isinstance(repeat, Stored) else _conflict(repeat))


def _conflict(repeat: IdConflict) -> Error:
    return _error("id_conflict", "This id was used for another message before; use a new one.", repeat.id)


def _error(code: str, text: str, id: str) -> Error:
    return Error(code=code, text=text, fatal=False, id=id)
