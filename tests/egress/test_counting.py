"""Envelopes are counted without being parsed: as many as a full parse finds."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.egress.counting import envelopes
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch, Log


@given(st.lists(st.binary(max_size=300), max_size=30))
def test_batch_of_any_payloads(payloads: list[bytes]) -> None:
    """Whatever stands in the payloads, a batch has as many envelopes as it has."""
    batch = EnvelopeBatch(
        batch=[Envelope(log=Log(payload=payload)) for payload in payloads]
    )

    assert len(payloads) == envelopes("rlp", batch.SerializeToString())


@given(st.binary(max_size=300))
def test_what_is_no_batch(raw: bytes) -> None:
    """Any bytes are counted to an end, and never more than they could hold."""
    assert 0 <= envelopes("rlp", raw) <= len(raw)


@pytest.mark.parametrize("text", ['"timestamp":', '\\"timestamp\\":', "x"])
def test_text_of_json(text: str) -> None:
    """What looks like a key within a text is none."""
    batch = {"batch": [{"timestamp": "1", "tags": {"a": text}}] * 3}
    raw = json.dumps(batch, separators=(",", ":")).encode()

    assert 3 == envelopes("rlp gateway", raw)


def test_frame_of_a_websocket() -> None:
    """Version 1 has an envelope a frame."""
    assert 1 == envelopes("v1 firehose", b"anything")
