"""A room's history as a document: Markdown, JSON or HTML. Pure: knows events and formats, and nothing of where from."""

import html
import time
from collections.abc import Callable, Iterable, Iterator

from msgspec import json

from chatroom.messages import Deleted, Edited, Message, Numbered, Reacted
from chatroom.text import visible

_MARKED = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]()#+-.!|<>"})


def as_markdown(room: str, events: Iterable[Numbered]) -> Iterator[str]:
    yield f"# {room}\n"
    for event in events:
        if line := _sentence(event):
            who, said = (part.translate(_MARKED) for part in line)
            yield f"- {_time(event)} **{who}** {said}"


def as_json(room: str, events: Iterable[Numbered]) -> Iterator[str]:
    """An object a line: as the server tells it."""
    for event in events:
        yield json.encode(event).decode()


def as_html(room: str, events: Iterable[Numbered]) -> Iterator[str]:
    title = html.escape(room)
    yield f'<!doctype html>\n<html><head><meta charset="utf-8"><title>{title}</title></head>'
    yield f"<body><h1>{title}</h1>\n<ol>"
    for event in events:
        if line := _sentence(event):
            who, said = map(html.escape, line)
            yield f"<li><time>{_time(event)}</time> <b>{who}</b> {said}</li>"
    yield "</ol></body></html>"


FORMATS: dict[str, Callable[[str, Iterable[Numbered]], Iterator[str]]] = {
    "md": as_markdown,
    "json": as_json,
    "html": as_html,
}


def _sentence(event: Numbered) -> tuple[str, str] | None:
    """Who, and what: nothing for what is not for all, or only changes what stands there already."""
    match event:
        case Message(username=who, message=said, kind="action"):
            return who, visible(said)
        case Message(username=who, message=said):
            return f"{who}:", visible(said)
        case Reacted(username=who, emoji=emoji, on=True, target=target):
            return who, f"reacted {visible(emoji)} to {target}"
        case Deleted(username=who, seq=seq, target=target) if seq == target:
            return who, "(deleted)"
        case Edited(username=who, target=target):
            return who, f"edited {target}"
    return None


def _time(event: Numbered) -> str:
    moment = getattr(event, "time", 0) / 1_000
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
