"""Where a server keeps its data, if it is not told: the system's own place. Knows nothing of what lies there."""

from pathlib import Path


def data_folder() -> Path:
    import platformdirs  # only commands wait for it

    return platformdirs.user_data_path("chatroom", appauthor=False) / "server"
