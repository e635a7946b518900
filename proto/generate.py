"""Write `prober/rpc/` from the `.proto` files beside this script.

Run it in an environment of its own (`pip install '.[proto]'`): the generator is held at
an old release, because generated code refuses a protobuf run time older than itself.

    python proto/generate.py            # rewrites prober/rpc/
    python proto/generate.py --check    # exits 1 if prober/rpc/ is stale
"""

import argparse
import filecmp
import shutil
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
PACKAGE = "prober/rpc"
TARGET = HERE.parent / PACKAGE
MARKER = '"""GENERATED from proto/ by proto/generate.py; do not edit."""\n'


def generate(root: Path) -> None:
    """Compile every `.proto` file into Python modules below `root/prober/rpc`."""
    # protoc derives import paths from file paths: the files are staged under the
    # package they shall live in, so that its output needs no repair.
    with tempfile.TemporaryDirectory() as scratch:
        sources = [_stage(path, Path(scratch)) for path in _protos()]
        arguments = [
            "protoc",
            f"--proto_path={scratch}",
            *(f"--plugin={path}" for path in _plugins()),
            f"--python_out={root}",
            f"--grpc_python_out={root}",
            f"--mypy_out=quiet:{root}",
            f"--mypy_grpc_out=quiet:{root}",
            *sources,
        ]
        if protoc.main(arguments) != 0:
            sys.exit("protoc refused the .proto files; its messages are above")
    target = root / PACKAGE
    for folder in (target, *(path for path in target.iterdir() if path.is_dir())):
        (folder / "__init__.py").write_text(MARKER)


def _plugins() -> list[Path]:
    """The stub writers of the running environment, whether or not it is activated."""
    scripts = Path(sys.executable).parent
    return [scripts / "protoc-gen-mypy", scripts / "protoc-gen-mypy_grpc"]


def _protos() -> list[Path]:
    return sorted(HERE.glob("*/*.proto"))


def _stage(path: Path, scratch: Path) -> str:
    """Copy one file to its place in the package; return its path for protoc."""
    relative = f"{PACKAGE}/{path.parent.name}/{path.name}"
    text = path.read_text()
    for name in {proto.parent.name for proto in _protos()}:
        text = text.replace(f'import "{name}/', f'import "{PACKAGE}/{name}/')
    staged = scratch / relative
    staged.parent.mkdir(parents=True, exist_ok=True)
    staged.write_text(text)
    return relative


def _differences(fresh: Path, committed: Path) -> list[str]:
    """Return the files that differ between the two trees, or are missing in one."""

    def files(root: Path) -> set[str]:
        found = (path for path in root.rglob("*.py*") if path.suffix in {".py", ".pyi"})
        return {str(path.relative_to(root)) for path in found}

    names = files(fresh) | files(committed)
    _, mismatched, missing = filecmp.cmpfiles(fresh, committed, names, shallow=False)
    return sorted(mismatched + missing)


def main() -> None:
    """Write the package, or compare it with what would be written."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        fresh = Path(scratch) / PACKAGE
        if not check:
            shutil.rmtree(TARGET, ignore_errors=True)
            shutil.copytree(fresh, TARGET)
        elif differing := _differences(fresh, TARGET):
            names = ", ".join(differing)
            sys.exit(f"{PACKAGE} is stale ({names}): run python proto/generate.py")


if __name__ == "__main__":
    main()
