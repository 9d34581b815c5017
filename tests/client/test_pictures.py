"""The README's pictures are what a screen shows today."""

import re
import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

from tests.client.pictures import README, played, timeless, written


def test_the_pictures_in_the_readme_are_true(tmp_path: Path) -> None:
    readme = README.read_text("utf-8")
    pictures = played(tmp_path)
    assert set(re.findall("<!-- picture: (.*?) -->", readme)) == set(pictures)
    assert timeless(written(readme, pictures)) == timeless(readme), "python3 scripts/pictures.py takes them anew"
