"""Programs beside Python that some tests run for real: Debian's, and one from npm.

Where one is missing its tests are skipped, and say what to install; in CI, where all of
them have to be (`.ci/run` installs them), they fail.
"""

import os
from pathlib import Path

import pytest


def program(path: str, install: str) -> str:
    """Return where a program is; else skip, or in CI fail, saying what installs it."""
    return first_of([Path(path)], install)


def first_of(places: list[Path], install: str) -> str:
    """Return the first of some places where there is something."""
    found = next((each for each in places if each.exists()), None)
    if found is None:
        words = f"there is no {places[0].name}: {install}"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    return str(found)
