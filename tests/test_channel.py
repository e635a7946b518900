"""What gRPC says of a failed call, as people are told it."""

import socket
from pathlib import Path

import grpc
import pytest

from prober import channel
from prober.errors import ConnectError
from prober.records import Tls


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


def test_certificate_files_that_are_none_are_named(tmp_path: Path) -> None:
    """Which files to look at, and what finds the wrong one: not the library's words."""
    names = ("ca.crt", "client.crt", "client.key")
    ca, cert, key = (str(tmp_path / name) for name in names)
    for each in (ca, cert, key):
        Path(each).write_text("junk")
    tls = Tls(ca_file=ca, cert_file=cert, key_file=key, server_name="metron")
    with socket.create_server(("127.0.0.1", 0)) as open_port:
        address = f"127.0.0.1:{open_port.getsockname()[1]}"
        secure = grpc.secure_channel(address, channel.credentials(tls))
        call = secure.unary_unary(channel.BATCH_SENDER, bytes, bytes)
        with secure, pytest.raises(grpc.RpcError) as caught:
            call(b"", timeout=20)

    told = channel.explain("agent", address, tls, caught.value.code(), _details(caught))
    assert (
        f"no connection to the agent at {address}: the TLS files do not work: {ca} and "
        f"{cert} have to be certificates in PEM form, and {key} the key of the latter; "
        "prober check names the one that is wrong"
    ) == str(told)


def _details(caught: pytest.ExceptionInfo[grpc.RpcError]) -> str:
    assert isinstance(caught.value, grpc.Call)
    return str(caught.value.details())
