"""What is made of templates is, byte for byte, what protobuf makes of objects."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.ingress import envelopes
from prober.ingress.envelopes import Encoder
from prober.plan import Plan, Sizes
from prober.records import Kind, Span
from tests.benchmarks import naive

RUN = "k3v9x2m4q7a"
SENT_NS = 1_795_418_514_123_456_789
MESSAGES = 10**11 - 1


def plan_of(kinds: tuple[Kind, ...], sizes: Sizes, source_id: str = "probe") -> Plan:
    """Return a plan of as many messages as there can be."""
    return Plan(
        messages=MESSAGES,
        cycles=1,
        rate=None,
        sizes=sizes,
        kinds=kinds,
        source_id=source_id,
        seed=5,
    )


sizes = st.tuples(st.integers(81, 300), st.sampled_from([0, 0, 1, 60])).map(
    lambda pair: Sizes(low=pair[0], high=sum(pair))
)
kinds = st.lists(st.sampled_from(Kind), min_size=1, max_size=5, unique=True).map(tuple)
spans = st.builds(
    lambda first, count: Span(first=first, count=count),
    st.sampled_from([0, 1, 900, 999, 1000, 123_456_950]) | st.integers(0, 10**11 - 200),
    st.integers(1, 130),
)
times = st.sampled_from([0, 1, 2**56 - 1, 2**56, 2**56 + 1_000_000, 2**62]) | (
    st.integers(2**56, 2**62)
)


@settings(max_examples=150, deadline=None)
@given(kinds, sizes, spans, times, st.text(max_size=20))
def test_templates_say_what_objects_say(
    kinds: tuple[Kind, ...], size: Sizes, span: Span, sent_ns: int, source_id: str
) -> None:
    """Any kinds, sizes, numbers, times and names: the same bytes."""
    plan = plan_of(kinds, size, source_id)
    encoder = Encoder(RUN, plan)

    for cycle in (0, 12):  # the second time of templates that are there
        expected = naive.batch(RUN, plan, span, cycle, sent_ns)

        assert expected == encoder.messages(span, cycle, sent_ns)


def test_templates_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more sizes than fit only some are kept, and all are right."""
    monkeypatch.setattr(envelopes, "MAX_TEMPLATE_BYTES", 10_000)
    plan = plan_of((Kind.LOG,), Sizes(low=100, high=5000))
    encoder = Encoder(RUN, plan)
    for first in range(0, 400, 100):
        span = Span(first=first, count=100)
        held = sum(len(each.behind) for each in encoder._templates.values())

        assert naive.batch(RUN, plan, span, 0, SENT_NS) == encoder.messages(
            span, 0, SENT_NS
        )
        assert held <= 10_000 + 5000
