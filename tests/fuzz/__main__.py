"""Fuzz one target, guided by what code it reaches: `python -m tests.fuzz TARGET`.

    --seconds N   for how long; 600 unless told

Found cases are written beside the corpus: mend what they show, then keep the case in
tests/fuzz/corpus/TARGET/, where every test run tries it again.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["prober"]):
    from tests.fuzz.seeds import seeds
    from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).with_name("corpus")
LONGEST = 8_192
"""Bytes of a case: some tokens, some events, or a whole configuration."""
MEMORY_MB = 8_192
"""Atheris itself keeps about 1 kB of each run of what it instruments, for good."""
PIECE_MB = 512
"""What a case may ask for at once."""
SLOWEST_SECONDS = 10


def main(arguments: list[str]) -> None:
    """Fuzz until time is up, or something is found; libFuzzer ends the process."""
    if not arguments or arguments[0] not in TARGETS:
        sys.exit(f"name one of {', '.join(TARGETS)}")
    target, *options = arguments
    seconds = int(options[1]) if options[:1] == ["--seconds"] else 600
    found = CORPUS / target
    found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as begun:
        for number, each in enumerate(seeds(target)):
            Path(begun, f"seed-{number}").write_bytes(each)
        limits = {
            "max_total_time": seconds,
            "max_len": LONGEST,
            "rss_limit_mb": MEMORY_MB,
            "malloc_limit_mb": PIECE_MB,
            "timeout": SLOWEST_SECONDS,
            "artifact_prefix": f"{found}/",
        }
        flags = [f"-{name}={value}" for name, value in limits.items()]
        atheris.Setup(["fuzz", *flags, begun], TARGETS[target])
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
