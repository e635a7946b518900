"""The house holds: layers, first sentences, public names, and no stray prints."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import prober

PACKAGE = Path(prober.__file__).parent
SOURCES = [path for path in sorted(PACKAGE.rglob("*.py")) if "rpc" not in path.parts]
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages([str(PACKAGE)], "prober.")
    if not module.name.startswith(("prober.rpc", "prober.__main__"))
    and not module.name.endswith("migrations.env")  # alembic runs it, nobody imports it
)


def _module_path(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_layers_hold() -> None:
    """Nobody imports upward, and every module has its place."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))],
        capture_output=True,
        text=True,
        check=False,
        cwd=PACKAGE.parent,
    )

    assert 0 == done.returncode, done.stdout


@pytest.mark.parametrize("path", SOURCES, ids=_module_path)
def test_module_begins_with_one_sentence(path: Path) -> None:
    """A module's first line says what it is for, and ends as a sentence does."""
    docstring = ast.get_docstring(ast.parse(path.read_text()))

    assert docstring is not None
    assert docstring.splitlines()[0].endswith((".", ":", "?"))


@pytest.mark.parametrize("path", SOURCES, ids=_module_path)
def test_modules_and_functions_stay_small(path: Path) -> None:
    """No file has more than 500 lines, no function more than 50."""
    text = path.read_text()
    functions = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    longest = max((_lines_of(node) for node in functions), default=0)

    assert len(text.splitlines()) <= 500
    assert longest <= 50


def _lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body, the docstring apart: explaining is not frowned upon."""
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    if not body:
        return 0
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


@pytest.mark.parametrize("name", MODULES)
def test_public_names_exist_and_are_sorted(name: str) -> None:
    """What a module promises in `__all__` is there, in order and once."""
    module = importlib.import_module(name)
    promised = getattr(module, "__all__", [])

    assert sorted(set(promised)) == sorted(promised)
    assert [] == [each for each in promised if not hasattr(module, each)]


def test_the_project_speaks_of_itself_alone() -> None:
    """No path of anybody's machine stands in the sources."""
    strays = [
        path.name
        for path in SOURCES
        if any(stray in path.read_text() for stray in ("/work/", "/root/", "/home/"))
    ]

    assert [] == strays
