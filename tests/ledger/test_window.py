"""A window is an array over all numbers, of which only what is open takes memory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.ledger import window
from prober.ledger.window import Window
from prober.records import Span

steps = st.lists(
    st.tuples(st.sampled_from(["reach", "release", "set"]), st.integers(1, 300)),
    max_size=60,
)


@pytest.fixture(autouse=True, scope="module")
def _small_steps() -> object:
    """Make room by sixteen values at a time, so that it often has to be made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window, "_LEAST", 16)
        yield


@settings(max_examples=200, deadline=None, derandomize=True)
@given(steps, st.booleans())
def test_a_window_is_a_plain_array_without_its_front(
    told: list[tuple[str, int]],
    held: bool,  # noqa: FBT001 - drawn
) -> None:
    """Whatever is reached, set and released, what is open has the values it had."""
    made, plain, views = Window(np.int64, 7), dict[int, int](), []
    for what, number in told:
        if what == "reach":
            end = made.end + number
            plain |= dict.fromkeys(range(made.end, end), 0)
            made.reach(end, soon=end + number % 7)
        elif what == "release":
            first = made.first + number
            made.release(first)
            plain = {n: value for n, value in plain.items() if n >= first}
        elif made.end > made.first:
            at = made.first + number % (made.end - made.first)
            made.of(Span(first=at, count=1))[0] = plain[at] = number
        if held:  # somebody looks on, and what he sees stays where it is
            views.append(made.values)

        assert list(plain.values()) == made.values.tolist()
        assert made.end - made.first == len(plain)


def test_what_is_released_makes_room() -> None:
    """A window that moves on for ever holds little more than what is open."""
    made = Window(np.uint8)
    for end in range(100, 1_000_000, 100):
        made.reach(end)
        made.release(end - 1000)

    assert len(made._held) < 1_300


def test_room_that_was_asked_for_is_made_once() -> None:
    """A large cycle has its room at once, and exactly."""
    made = Window(np.uint8)
    made.reach(100, soon=1_000_000)
    before = made._held
    made.reach(1_000_000)

    assert before is made._held
    assert 1_000_000 == len(made._held)
