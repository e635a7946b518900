"""What SECURITY.md promises: TLS that is new enough, and nothing for other eyes."""

import asyncio
import os
import ssl
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
import rich_click as click
from click.testing import CliRunner

from prober import channel
from prober.bench import memory
from prober.checks.peers import mutual_context
from prober.cli import stored
from prober.egress.https import Server
from prober.pipeline.listener import client_context, server_context
from prober.pipeline.stack import ReferenceStack
from prober.store import open_store
from tests.store.samples import cycle

if TYPE_CHECKING:  # generic only there
    from grpc.aio import UnaryUnaryMultiCallable

OLD = ssl.TLSVersion.TLSv1_1


def test_contexts_speak_no_old_tls() -> None:
    """Every context that is made begins at TLS 1.2, and verifies."""
    for context in (
        Server(peer="x", url="https://x").context(),
        ssl.create_default_context(),
    ):
        assert ssl.TLSVersion.TLSv1_2 <= context.minimum_version
        assert ssl.CERT_REQUIRED is context.verify_mode
        assert context.check_hostname


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
async def test_no_end_speaks_old_tls() -> None:
    """Neither reader nor stack takes TLS 1.1, which a server of old would offer."""
    async with ReferenceStack() as stack:
        tls = stack.client_tls("metron")
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = OLD
        old.load_cert_chain(tls.cert_file, tls.key_file)
        willing = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        willing.check_hostname, willing.verify_mode = False, ssl.CERT_NONE
        willing.set_ciphers("ALL:@SECLEVEL=0")
        willing.minimum_version = ssl.TLSVersion.TLSv1
        spoken: list[str] = []

        async def serve(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            spoken.append(writer.get_extra_info("ssl_object").version())
            await reader.read()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=old)
        async with server:
            port = server.sockets[0].getsockname()[1]
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=willing)
            writer.close()  # whoever is willing gets it
            for ours in (mutual_context(tls), client_context(tls.ca_file)):
                with pytest.raises((ssl.SSLError, ConnectionResetError)):
                    await asyncio.open_connection("127.0.0.1", port, ssl=ours)
            async with grpc.aio.secure_channel(
                f"127.0.0.1:{port}",
                channel.credentials(tls),
                options=channel.options(tls, pings=False),
            ) as opened:
                method: UnaryUnaryMultiCallable[bytes, bytes] = opened.unary_unary(
                    "/x/y", request_serializer=bytes
                )
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await method(b"", timeout=10)
        assert grpc.StatusCode.UNAVAILABLE is refused.value.code()
        assert ["TLSv1.1"] == spoken
        willing.maximum_version = OLD
        for address in (stack.agent_address, stack.rlp_address):
            host, _, port_of = address.partition(":")
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.open_connection(host, int(port_of), ssl=willing)
        assert ssl.TLSVersion.TLSv1_2 <= server_context(tls).minimum_version


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:planted@db.example/prober",
        "postgresql://db.example/prober?user=ada&password=planted",
        "postgres://ada:planted/secret@db.example/prober",
    ],
)
def test_a_password_is_no_argument(url: str) -> None:
    """A place with a password is refused without repeating it, and says what to do."""
    done = CliRunner().invoke(command(), ["--store", url])

    assert 2 == done.exit_code
    assert "PGPASSWORD" in done.output
    assert "planted" not in done.output


def command() -> click.Command:
    """Return a command that does nothing."""
    made = stored.store_options(click.command()(lambda **_: None))
    assert isinstance(made, click.Command)
    return made


@pytest.mark.parametrize("url", ["postgresql://ada@db:5432/prober", "a:b@c.sqlite"])
def test_a_place_without_one_is_taken(url: str) -> None:
    """A user, a port and odd names of files are no passwords."""
    assert 0 == CliRunner().invoke(command(), ["--store", url]).exit_code


def test_files_are_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the umask: history, what is beside it, and the folder are nobody's."""
    before = os.umask(0)
    try:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        folder = memory.place().parent
        memory.folder()
        with open_store(folder / "history.sqlite") as store:
            store.put_cycles([cycle()])
            modes = {
                each.name: stat.S_IMODE(each.stat().st_mode)
                for each in folder.iterdir()
            }
    finally:
        os.umask(before)

    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
    assert {"history.sqlite"} <= set(modes)
    assert {0o600} == set(modes.values())
