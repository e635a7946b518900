"""What gRPC says of a failed call, as people are told it."""

import grpc
import pytest

from prober import channel
from prober.errors import ConnectError


@pytest.mark.parametrize(
    ("details", "words"),
    [
        (
            "Stream removed (recvmsg:Connection reset by peer (104))",
            "the connection was cut, by it or by something on the way",
        ),
        ("Socket closed", "it closed the connection: has it gone, or refused the"),
        ("failed: Connection refused (111)", "nothing listens there; is it running"),
    ],
)
def test_a_cut_connection_is_told_without_the_librarys_words(
    details: str, words: str
) -> None:
    """What happened, and to whom; nothing of sockets and streams."""
    error = channel.explain(
        "agent", "10.0.0.7:3458", None, grpc.StatusCode.UNAVAILABLE, details
    )

    assert isinstance(error, ConnectError)
    assert str(error).startswith(
        f"no connection to the agent at 10.0.0.7:3458: {words}"
    )


def test_a_stream_that_is_cut_off_is_no_refusal() -> None:
    """A peer that is killed cancels its streams first: that lays it to nobody."""
    cut = channel.explain(
        "agent", "here:1", None, grpc.StatusCode.CANCELLED, "CANCELLED"
    )

    assert isinstance(cut, ConnectError)
    assert "no connection to the agent at here:1: it cut the stream off" == str(cut)
