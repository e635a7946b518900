"""What is remembered of the primers that came back over a connection."""

from prober.probe.consumer import KEPT_PRIMERS, PRIMERS, Connection


def test_months_of_primers_take_no_more_memory_than_hours() -> None:
    """Others ask for primers for as long as they are away: only the newest are kept."""
    connection = Connection(0)
    for number in range(20 * KEPT_PRIMERS):
        row = connection.take([number])

    assert len(connection.primers) <= 2 * KEPT_PRIMERS
    assert row >= KEPT_PRIMERS
    assert 20 * KEPT_PRIMERS - 1 in connection.primers


def test_what_was_forgotten_breaks_no_row() -> None:
    """A gap in what came back is seen as far back as it is remembered."""
    connection = Connection(0)
    for number in range(4 * KEPT_PRIMERS):
        connection.take([number])
    after = 4 * KEPT_PRIMERS + 1  # one did not come back
    rows = [connection.take([number]) for number in range(after, after + PRIMERS)]

    assert list(range(1, PRIMERS + 1)) == rows
