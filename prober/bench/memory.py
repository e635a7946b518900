"""The last bench on this machine, in the user's data directory."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from prober import __version__, cpus
from prober.bench.results import Bench, Machine, parse, render

_CPUINFO = Path("/proc/cpuinfo")


def place() -> Path:
    """Return the file that a bench is remembered in, as XDG has it."""
    given = os.environ.get("XDG_DATA_HOME", "")
    base = Path(given) if Path(given).is_absolute() else Path.home() / ".local/share"
    return base / "prober" / "bench.json"


def machine() -> Machine:
    """Return what speed depends on here."""
    return Machine(
        cpu=_cpu(),
        cpus=len(cpus.usable()),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        grpc=version("grpcio"),
        prober=__version__,
    )


def _cpu() -> str:
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if "model name" in line)
    return next(names, "") or platform.processor() or platform.machine()


def folder() -> None:
    """Make the folder, in which history lies, too: nobody else may look into it."""
    place().parent.mkdir(mode=0o700, parents=True, exist_ok=True)


def remember(bench: Bench) -> None:
    """Keep a bench as the last one; raises OSError if that cannot be."""
    path = place()
    folder()
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(render(bench), encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def last() -> Bench | None:
    """Return the last bench, if there is one, and it was on a machine like this one.

    Another CPU, or another number of them, is another machine; other versions are not:
    a bench then tells less, but more than nothing.
    """
    try:
        bench = parse(place().read_bytes())
    except OSError:
        return None
    if bench is None:
        return None
    here, there = machine(), bench.machine
    return bench if (here.cpu, here.cpus) == (there.cpu, there.cpus) else None
