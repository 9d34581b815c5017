"""The terminal's output: what is drawn can be collected and written at once.

Knows escape sequences through prompt_toolkit, and the terminal's size. Knows nothing of what is drawn.

prompt_toolkit's own ways to print above a prompt either wait 0.2 s between bursts, or hand the terminal back for each
print, echo and all. Here erasing the prompt, the new lines and the prompt again go out in one write: nothing flickers.
"""

import os
import sys
from typing import TextIO

from prompt_toolkit.data_structures import Size
from prompt_toolkit.output import ColorDepth, Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output


class Page(Vt100_Output):
    """While held, it collects what is drawn; let go, it writes it all at once."""

    def __init__(self, stdout: TextIO) -> None:
        # It never asks the terminal where the cursor is: the answer would come among the keys, on a slow line late.
        super().__init__(
            stdout, self._size, os.environ.get("TERM"), default_color_depth=ColorDepth.from_env(), enable_cpr=False
        )
        self._held = False

    def _size(self) -> Size:
        try:
            columns, rows = os.get_terminal_size(self.fileno())
        except OSError:  # the terminal is gone
            columns = rows = 0
        return Size(rows=rows or 24, columns=columns or 80)

    def get_rows_below_cursor_position(self) -> int:
        """At least the line that the cursor is in. More is not known, and not needed: a bar stands below the prompt,
        not at the foot of the screen."""
        return 1

    def flush(self) -> None:
        if not self._held:
            super().flush()

    def hold(self) -> None:
        self._held = True

    def let_go(self) -> None:
        self._held = False
        self.flush()


def output() -> Output:
    return create_output() if sys.platform == "win32" else Page(sys.stdout)
