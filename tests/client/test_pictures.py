"""The README's pictures are what a screen shows today; whether one's own words are stored before one is told to be
back is left to chance."""

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
    now, then = (sorted(timeless(text).splitlines()) for text in (written(readme, pictures), readme))
    assert now == then, "python3 scripts/pictures.py takes them anew"
