"""What became of what was said: corrections, deletions and reactions, each a line of its own that comes after it.

Knows sentences, and how a message is named and quoted. Knows nothing of rooms and screens: who calls it says what is
known of the message that was changed. Whatever came over the network passes `visible` on its way.
"""

from collections.abc import Sequence

from chatroom.client.render import (
    QUOTED,
    Line,
    Look,
    Span,
    beginning_of,
    crowd,
    handle_of,
    lines_of,
    person,
    stamp,
    told,
)
from chatroom.messages import Deleted, Edited, Message, Reacted
from chatroom.text import fold, visible

ERASED = "(deleted)"
"""Stands in the place of a message whose text is gone."""


def corrected(event: Edited, look: Look, before: Message | None, *, room: str = "") -> Line:
    """`[13:07] ada corrected 3f "start of old…": new text`; with its room, where it is given."""
    head = (*stamp(event.time, look, room=room), *person(event.username), Span("info", " corrected "))
    name = (Span("dim", handle_of(event.target)), *([Span("", " "), *_quoted(before)] if before else ()))
    return Line(head, (*name, Span("", ": "), Span("", lines_of(event.message))), event.replayed)


def deleted(event: Deleted, before: Message | None) -> Line:
    """`[*] eve deleted a message of bob.` What it said is not told again."""
    who = person(event.username)
    if before and fold(before.username) != fold(event.username):
        return told("*", "{who} deleted a message of {author}.", who=who, author=person(before.username))
    return told("*", "{who} deleted a message.", who=who)


def erased(event: Deleted, look: Look, *, handle: str = "", room: str = "") -> Line:
    """`[13:07] bob: (deleted)`, in the place of the message."""
    head = (*stamp(event.time, look, handle=handle, room=room), *person(event.username), Span("", ": "))
    return Line(head, (Span("dim", ERASED),), is_dim=True)


def reactions(events: Sequence[Reacted], target: Message | None) -> list[Line]:
    """`[*] bob and eve reacted 👍, joe 🎉 to "start…"`: what happened in a moment to one message, dim."""
    what = _quoted(target) if target else (Span("", handle_of(events[0].target)),)
    given, taken = [e for e in events if e.on], [e for e in events if not e.on]
    told_of = [("{who} to {what}", " reacted", given), ("{who} from {what}", " took back", taken)]
    return [
        told("*", sentence, who=_by_emoji(some, verb), what=what)._replace(is_dim=True)
        for sentence, verb, some in told_of
        if some
    ]


def _by_emoji(events: Sequence[Reacted], verb: str) -> tuple[Span, ...]:
    names: dict[str, list[str]] = {}
    for event in events:
        names.setdefault(event.emoji, []).append(event.username)
    spans: list[Span] = []
    for emoji, people in names.items():
        spans += [Span("", ", ")] if spans else []
        spans += [*crowd(people), Span("", verb), Span("", f" {visible(emoji)}")]
        verb = ""
    return tuple(span for span in spans if span.text)


def _quoted(said: Message) -> tuple[Span, ...]:
    return (Span("mark", '"'), *beginning_of(said.message, QUOTED, "dim"), Span("mark", '"'))


def in_a_sentence(event: Edited | Deleted | Reacted) -> Line:
    """The same where nothing is known of the message, and no time is shown."""
    match event:
        case Edited():
            handle, text = handle_of(event.target), (Span("", lines_of(event.message)),)
            return told("*", "{who} corrected {handle}: {text}", who=person(event.username), handle=handle, text=text)
        case Deleted():
            return deleted(event, None)
        case Reacted():
            return reactions([event], None)[0]
