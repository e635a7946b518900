"""The gateway's JSON is what Go's protojson makes of a batch, field for field."""

import json
import math

import pytest
from google.protobuf import json_format

from prober.pipeline.protojson import batch_json
from prober.rpc.loggregator_v2.envelope_pb2 import (
    Counter,
    Envelope,
    EnvelopeBatch,
    Event,
    Gauge,
    GaugeValue,
    Log,
    Timer,
    Value,
)

ENVELOPES = [
    Envelope(timestamp=-5, source_id="ä", log=Log(payload=b"\x00\xff", type=Log.ERR)),
    Envelope(instance_id="0", tags={"a": "b"}, log=Log()),
    Envelope(counter=Counter(name="c", delta=1 << 63, total=(1 << 64) - 1)),
    Envelope(
        gauge=Gauge(
            metrics={
                "whole": GaugeValue(unit="u", value=3),
                "part": GaugeValue(value=0.25),
                "huge": GaugeValue(value=1e300),
                "none": GaugeValue(value=math.nan),
                "most": GaugeValue(value=math.inf),
                "least": GaugeValue(value=-math.inf),
            }
        )
    ),
    Envelope(timer=Timer(name="t", start=-1, stop=1 << 62)),
    Envelope(event=Event(title="t", body='"b"\n')),
    Envelope(
        deprecated_tags={
            "t": Value(text="x"),
            "i": Value(integer=1 << 60),
            "d": Value(decimal=1.5),
            "n": Value(),
        }
    ),
    Envelope(),
]


@pytest.mark.parametrize("envelope", ENVELOPES, ids=range(len(ENVELOPES)))
def test_it_says_what_protobufs_own_does(envelope: Envelope) -> None:
    """With every field told, and names as in the `.proto` file."""
    batch = EnvelopeBatch(batch=[envelope])
    own = json_format.MessageToDict(
        batch,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )

    assert own == json.loads(batch_json(batch))


@pytest.mark.parametrize("envelope", ENVELOPES, ids=range(len(ENVELOPES)))
def test_it_reads_back_to_the_same(envelope: Envelope) -> None:
    """Any reader of protojson gets the batch that was sent."""
    batch = EnvelopeBatch(batch=[envelope, envelope])
    back = json_format.Parse(batch_json(batch), EnvelopeBatch())

    assert batch.SerializeToString(deterministic=True) == back.SerializeToString(
        deterministic=True
    )


def test_whole_numbers_have_no_fraction() -> None:
    """3.0 is written 3, and a line feed stays inside its string: one line a batch."""
    text = batch_json(EnvelopeBatch(batch=[ENVELOPES[3], ENVELOPES[5]]))

    assert '"value":3}' in text
    assert "\n" not in text
    assert batch_json(EnvelopeBatch()) == '{"batch":[]}'
