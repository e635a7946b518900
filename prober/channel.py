"""How the prober's own ends speak gRPC: mutual TLS, true connections, plain sentences.

Sync and asyncio channels take the same credentials and options, so both are opened
with what is made here.
"""

from pathlib import Path

import grpc

from prober.errors import ConnectError, CouldNotProbe, RefusedError, UsageError
from prober.records import Tls

BATCH_SENDER = "/loggregator.v2.Ingress/BatchSender"
BATCHED_RECEIVER = "/loggregator.v2.Egress/BatchedReceiver"

MAX_RECEIVE_BYTES = 64 << 20
"""A batch is counted in envelopes, so it may be large: gRPC's own 4 MiB breaks."""

Options = list[tuple[str, int | str]]


def credentials(tls: Tls | None) -> grpc.ChannelCredentials:
    """Read the certificate files, and return what a channel needs of them.

    None is for the null pipeline of `prober.bench`: no TLS, and gRPC itself sees to it
    that the peer is on loopback. Raises UsageError naming the file that cannot be read.
    """
    if tls is None:
        return grpc.local_channel_credentials(grpc.LocalConnectionType.LOCAL_TCP)
    return grpc.ssl_channel_credentials(
        root_certificates=_read(tls.ca_file),
        private_key=_read(tls.key_file),
        certificate_chain=_read(tls.cert_file),
    )


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read the certificate file {path}: {error.strerror}"
        ) from error


def options(tls: Tls | None, *, pings: bool) -> Options:
    """Return the channel options: a connection of its own, kept alive by pings or not.

    Loggregator ends connections that are pinged more often than every 10 s.
    """
    chosen: Options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", MAX_RECEIVE_BYTES),
        ("grpc.max_send_message_length", -1),
        ("grpc.enable_retries", 0),
    ]
    if tls is not None:
        chosen.append(("grpc.ssl_target_name_override", tls.server_name))
    if pings:
        chosen += [
            ("grpc.keepalive_time_ms", 20_000),
            ("grpc.keepalive_timeout_ms", 20_000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
        ]
    return chosen


_BAD_FILES = (
    "the TLS files do not work: {ca} and {cert} have to be certificates in PEM form, "
    "and {key} the key of the latter; prober check names the one that is wrong"
)
_EXPLANATIONS: tuple[tuple[str, str], ...] = (
    # What gRPC's details contain -> what it means, and what to do.
    ("Connection refused", "nothing listens there; is it running, and the port right?"),
    (
        "Hostname Verification Check failed",
        "its certificate does not carry the name {name}; give the server name it has",
    ),
    (
        "Peer name {name} is not in peer certificate",
        "its certificate does not carry the name {name}; give the server name it has",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "its certificate has expired, or {ca} does not vouch for it: ask prober check",
    ),
    (
        "TSI_DATA_CORRUPTED",
        "it broke the handshake off: is the client certificate {cert} one of its CA?",
    ),
    (
        "Connection reset by peer",
        "the connection was cut, by it or by something on the way",
    ),
    (
        "Socket closed",
        "it closed the connection: has it gone, or refused the certificate {cert}?",
    ),
    (
        "Failed to create security handshaker",
        _BAD_FILES,
    ),
    ("Internal error from Core", "the connection broke"),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS there; is the port right?"),
    ("DNS resolution failed", "its name cannot be resolved"),
    ("Domain name not found", "its name cannot be resolved"),
    ("Deadline Exceeded", "it did not answer in time"),
    ("Timeout occurred", "it did not answer in time"),
)
_REFUSALS: tuple[tuple[str, str], ...] = (
    # What a peer says that answers -> what to do.
    (
        "max egress streams reached",
        ": too many are open there (MAX_EGRESS_STREAMS): end others, or wait",
    ),
    ("UNIMPLEMENTED", ": is that the address of the {peer}?"),
)


def explain(
    peer: str,
    address: str,
    tls: Tls | None,
    code: grpc.StatusCode,
    details: str | None,
) -> CouldNotProbe:
    """Return the error that tells a person what a failed call to a peer means."""
    details = details or ""
    where = f"the {peer} at {address}"
    names = {
        "name": tls.server_name if tls else "",
        "ca": tls.ca_file if tls else "",
        "cert": tls.cert_file if tls else "",
        "key": tls.key_file if tls else "",
    }
    for needle, meaning in _EXPLANATIONS:
        if needle.format(**names).lower() in details.lower():
            words = meaning.format(**names)
            return ConnectError(f"no connection to {where}: {words}")
    if code is grpc.StatusCode.CANCELLED:  # not by us: we know when we do
        return ConnectError(f"no connection to {where}: it cut the stream off")
    said = f"{code.name} {details}".strip()
    if code is grpc.StatusCode.UNAVAILABLE:
        return ConnectError(f"no connection to {where}: {said}")
    meanings = (words for needle, words in _REFUSALS if needle in said)
    meaning = next(meanings, "").format(peer=peer)
    return RefusedError(f"{where} refused: {said}{meaning}")
