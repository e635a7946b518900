"""What once was found by fuzzing, and what it began with, holds in every test run."""

import pytest

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

CASES = [(name, number) for name in TARGETS for number in range(len(seeds(name)))]


@pytest.mark.parametrize(("target", "number"), CASES)
def test_a_case(target: str, number: int) -> None:
    """Nothing that comes from outside makes an error, or a wrong count."""
    TARGETS[target](seeds(target)[number])


@pytest.mark.parametrize("target", TARGETS)
def test_cut_anywhere(target: str) -> None:
    """Nor does any of it that ends too early."""
    for seed in seeds(target)[:3]:
        for at in range(0, len(seed), 1 + len(seed) // 40):
            TARGETS[target](seed[:at])
