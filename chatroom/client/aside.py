"""A call that may never return, made aside: it holds nobody up, not even the program's end.

Knows threads. Knows nothing of what is called.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def begin(call: Callable[[], T], name: str) -> "Future[T]":
    """Has a thread of that name call this; what comes of it, if ever, is in the future."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except Exception as error:  # it is raised where it is asked for
            future.set_exception(error)

    threading.Thread(target=run, name=f"chatroom {name}", daemon=True).start()
    return future
