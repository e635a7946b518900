import random

from prober.backoff import FIRST_SECONDS, MOST_SECONDS, Backoff


def backoff_of(seed: int) -> Backoff:
    """Draw from a seed."""
    return Backoff(random.Random(seed))  # noqa: S311 - jitter


def test_bound_doubles_and_stays() -> None:
    """Waits lie between nothing and a bound that doubles up to a minute."""
    backoff = backoff_of(3)
    waits = [backoff.fail() for _ in range(2_000)]

    for number, wait in enumerate(waits):
        bound = min(MOST_SECONDS, FIRST_SECONDS * 2 ** min(number, 10))
        assert 0 <= wait <= bound
    assert 2_000 == backoff.failures
    assert 28 < sum(waits) / len(waits) < 32  # half of the bound


def test_success_begins_anew() -> None:
    """After something was measured the next failure is tried again at once."""
    backoff = backoff_of(3)
    for _ in range(10):
        backoff.fail()
    backoff.succeed()

    assert 0 == backoff.failures
    assert backoff.fail() <= FIRST_SECONDS


def test_same_seed_same_waits() -> None:
    """Lots are drawn from what is passed in."""
    one, other = (backoff_of(9) for _ in range(2))

    assert [one.fail() for _ in range(5)] == [other.fail() for _ in range(5)]


def test_weeks_of_failures_overflow_nothing() -> None:
    """The bound of its own is kept, from the first to the ten thousandth failure."""
    rng = random.Random(3)  # noqa: S311 - jitter
    backoff = Backoff(rng, first=0.1, most=10.0)

    assert backoff.fail() <= 0.1
    assert max(backoff.fail() for _ in range(10_000)) <= 10.0
