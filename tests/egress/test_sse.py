"""Server-sent events are found whole, however the bytes are cut."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.egress import sse
from prober.egress.sse import Events, EventTooLarge

BODY = (
    b'data: {"batch":[]}\n\n'
    b"event: heartbeat\ndata: 1795418514\n\n"
    b": a comment\r\nid: 7\r\ndata:one\r\ndata: two\r\n\r\n"
    b"event: nothing\n\n\n"
    b"event: closing\ndata: closing due to stream timeout\n\n"
    b"data: cut o"
)
EVENTS = [
    (b"", b'{"batch":[]}'),
    (b"heartbeat", b"1795418514"),
    (b"", b"one\ntwo"),
    (b"closing", b"closing due to stream timeout"),
]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.sets(st.integers(0, len(BODY))))
def test_events_are_found_however_they_are_cut(places: set[int]) -> None:
    """Chunks end anywhere: the events are the same."""
    events, found = Events(), []
    cuts = [0, *sorted(places), len(BODY)]
    for start, end in itertools.pairwise(cuts):
        found += events.feed(BODY[start:end])

    assert EVENTS == found


@pytest.mark.parametrize(
    "part", [b"data: 0123456789", b"data: 0123456789\n", b"data:\n" * 3]
)
def test_event_without_an_end(part: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What grows beyond any sense is given up, be it one line or many."""
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 18)
    events = Events()
    events.feed(part)

    with pytest.raises(EventTooLarge):
        events.feed(part)
