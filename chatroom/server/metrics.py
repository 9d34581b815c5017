"""The figures for Prometheus, over HTTP, to this computer alone.

Knows HTTP, and asks for the text anew each time. Knows nothing of what the figures are, and needs nothing that is not
installed until it is opened.
"""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Self

from chatroom.errors import StartError
from chatroom.server.figures import Figures

HOST = "127.0.0.1"
PATIENCE_SECONDS = 5
"""So long who asks may take to do so."""

Exposition = Callable[[str], tuple[bytes, str]]
"""What Prometheus is to read, and its content type, by what it says that it accepts."""


def open_metrics(port: int, figures: Figures) -> "Metrics":
    """Serves them from now on, or raises StartError."""
    try:
        from chatroom.server.exposition import exposition_of
    except ModuleNotFoundError as error:
        raise StartError(
            "The option --metrics needs a part that is not installed; type: pip install chatroom[metrics]."
        ) from error
    try:
        return Metrics(port, exposition_of(figures))
    except (OSError, OverflowError) as error:
        raise StartError(f"Cannot serve figures on {HOST}:{port}; choose another port for --metrics.") from error


class _Web(ThreadingMixIn, TCPServer):
    """Not http.server's own: that one asks the name service who 127.0.0.1 is, which may take its time."""

    allow_reuse_address = True
    daemon_threads = True
    exposition: Exposition

    def handle_error(self, request: object, client_address: object) -> None:
        """Who asked has gone meanwhile."""


class _Answer(BaseHTTPRequestHandler):
    server: _Web
    timeout = PATIENCE_SECONDS

    def do_GET(self) -> None:
        if self.path.partition("?")[0] not in ("/", "/metrics"):
            self.send_error(404)
            return
        body, kind = self.server.exposition(self.headers.get("Accept", ""))
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Who asks for figures is no news."""


class Metrics:
    """Serves from a thread of its own. Any thread may close it."""

    def __init__(self, port: int, exposition: Exposition) -> None:
        self._web = _Web((HOST, port), _Answer)
        self._web.exposition = exposition
        self.port: int = self._web.server_address[1]
        self._thread = threading.Thread(
            target=self._web.serve_forever, args=(0.1,), name="chatroom metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._web.shutdown()
        self._thread.join()
        self._web.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
