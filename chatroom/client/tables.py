"""Terms and what they mean, side by side. Pure: knows lines and their spans, and nothing of what is told."""

from collections.abc import Iterable, Sequence

from chatroom.client.render import Line, Span


def table(groups: Iterable[tuple[str, Sequence[tuple[str, str]]]]) -> list[Line]:
    """Groups of terms, each with what it means beside it, below the group's title."""
    groups = list(groups)
    width = max((len(term) for _, rows in groups for term, _ in rows), default=0)
    lines: list[Line] = []
    for title, rows in groups:
        lines += [Line((), (Span("info", title),))] if title else []
        lines += [Line((Span("", f"    {term:{width}}  "),), (Span("", meaning),)) for term, meaning in rows]
    return lines
