"""What was posted in a room and not yet handed out, and what its posters are told if it adds nothing.

Knows members and what they said. Knows no store, no order and no locks.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from chatroom.errors import StoreFailed
from chatroom.messages import Error, Joined, Left, Stored, Topic
from chatroom.server.member import Member
from chatroom.server.store import Appended, Change, Repeat, Said, Speech, Talk, Whisper, Words

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
        self.said: list[Speech] = []
        self.news: list[News] = []
        self.askers: dict[str, Member] = {}
        """Who asked for a change, by the request's id."""
        self.weight = 0
        self.entries = 0

    def add_talk(self, member: Member, texts: Sequence[str], ids: Sequence[str]) -> None:
        """What is for all, as nearly everything is."""
        self._add(member, Talk(member.owner, member.username, texts, ids), sum(map(len, texts)))

    def add_words(self, member: Member, words: Sequence[Words]) -> None:
        """What is not for all, or changes what was said, perhaps between talk."""
        self._add(member, Said(member.owner, member.username, words), sum(len(_text_of(word)) for word in words))
        self.askers.update((word.id, member) for word in words if isinstance(word, Change) and word.id)

    def _add(self, member: Member, said: Speech, length: int) -> None:
        self.posters.append(member)
        self.said.append(said)
        self.entries += 1
        self.weight += length + SAY_WEIGHT * len(said.ids)

    def add_news(self, news: News) -> None:
        self.news.append(news)
        self.entries += 1
        self.weight += SAY_WEIGHT

    def answer(self, appended: Appended, failure: StoreFailed | None, name_for: Callable[[Member], str]) -> None:
        """Tells those whose words added nothing why. Each knows the room by a name of its own."""
        if failure:
            for member, said in zip(self.posters, self.said, strict=True):
                member.answer(*(_error("store_failed", failure.text, id) for id in said.ids))
        for place, repeat in appended.repeats:
            member = self.posters[place]
            member.answer(answer_to(repeat, name_for(member)))


def _text_of(word: Words) -> str:
    match word:
        case Change(text=text):
            return text
        case Whisper(say=say):
            return say.message
    return word.message


def answer_to(repeat: Repeat, room: str) -> Stored | Error:
    """What is told to somebody who knows the room by that name."""
    if isinstance(repeat, Stored):
        return replace(repeat, room=room)
    return _error("id_conflict", "This id was used for another message before; use a new one.", repeat.id)


def _error(code: str, text: str, id: str | None) -> Error:
    return Error(code=code, text=text, fatal=False, id=id)
