"""What a line of the log tells a program that reads it, beside its sentence for people.

Knows names of facts. Knows nothing of how lines are written.
"""


def facts(event: str, **fields: object) -> dict[str, object]:
    """For `log.info(..., extra=facts("left", address=...))`. Never what somebody said, and no secret."""
    return {"facts": {"event": event, **{name: value for name, value in fields.items() if value not in (None, "")}}}
