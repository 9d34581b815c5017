"""The library in a real notebook: cells as somebody in an office would write them, executed by a Jupyter kernel."""

from pathlib import Path
from typing import Any

import pytest

from tests.server.processes import ROOT

CELLS = {
    "import chatroom; from chatroom.messages import Message": "",
    "server = chatroom.Server(port=0).start()": "",
    "ada = chatroom.Client(port=server.port, username='ada', data='data').start(); room = ada.join('lobby')": "",
    "ada.say('lobby', 'hello from a notebook').result(timeout=20).seq": "1",
    """
for event in ada.events():
    if isinstance(event, Message):
        print(event.username, "says", event.message)
        break
""": "ada says hello from a notebook",
    """
with chatroom.Client(port=server.port, username="bob", data="data") as bob:
    bob.join("lobby").result(timeout=20)
    print(bob.history("lobby").result(timeout=20).messages[0].message)
""": "hello from a notebook",
    "ada.close(); server.close()": "",
    "import threading; [thread.name for thread in threading.enumerate() if 'chatroom' in thread.name]": "[]",
}


@pytest.mark.filterwarnings("default")  # Jupyter's own
def test_a_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    import nbformat  # here, since all that it brings takes long to load
    from nbclient import NotebookClient

    v4: Any = nbformat.v4  # it brings no types
    notebook = v4.new_notebook(cells=[v4.new_code_cell(source) for source in CELLS])
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert [output_of(cell) for cell in notebook.cells] == list(CELLS.values())


def output_of(cell: Any) -> str:
    """What is seen below the cell."""
    return "".join(out.get("text") or out["data"]["text/plain"] for out in cell.outputs).strip()
