"""Asking for what nobody else may see: it is neither shown while it is typed, nor kept.

Knows how a line is drawn while it is typed. Knows nothing of passwords, nor of what becomes of an answer.
"""

from collections.abc import Callable
from typing import NamedTuple

from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput


class Question(NamedTuple):
    """What is asked, and who gets the answer."""

    text: str
    then: Callable[[str], object]


class Unseen(Processor):
    """Not even how much was typed is to be seen."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        end = len(transformation_input.document.text)
        return Transformation([], source_to_display=lambda _: 0, display_to_source=lambda _: end)
