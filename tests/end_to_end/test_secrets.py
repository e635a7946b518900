"""Secrets are planted everywhere a daemon has one: none may come out anywhere."""

import asyncio
import base64
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import psutil
import pytest
import trustme
from sqlalchemy import MetaData, create_engine, select

from prober.clock import SystemClock
from prober.egress.https import Server
from prober.egress.tokens import UaaTokens
from prober.pipeline.stack import ReferenceStack
from prober.report.formats import FORMATS
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, Log
from prober.stamp import Mark, Stamp
from prober.stamp.token import TAG
from prober.stamp.token import encode as encode_stamp
from prober.watch.page.passwords import hash_of
from tests import tools
from tests.end_to_end import watching
from tests.pipeline.clients import agent_of, send_all
from tests.store.server import Postgres

SECRETS: Mapping[str, str] = {
    # What a process is given in its environment, for `${…}` of its prober.yaml.
    "CLIENT_SECRET": "plantedclientsecret",
    "SCOPELESS_SECRET": "plantedscopeless",
    "WRONG_SECRET": "plantedwrongsecret",
    "USER_PASSWORD": "planteduserpassword",
    "STATIC_TOKEN": "eyJh.plantedstatictoken.c2ln",
    "PROXY_PASSWORD": "plantedproxypassword",
    "HOOK_PASSWORD": "plantedhookpassword",
    "HOOK_URL": "http://127.0.0.1:{hook}/services/plantedhooktoken",
    "STORE_PASSWORD": "plantedstorepassword",
}
PAGE_PASSWORD, NOT_THE_PAGES = "plantedpagepassword", "plantednotthepages"
FOREIGN = "plantedforeignlog"
PLANTED = re.compile(r"planted[a-z]+|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+")
"""What was planted, and every token as a UAA writes them."""
REFUSED = ("wrong", "scopeless", "refused", "proxied")
"""Environments that are refused, or cannot be reached."""
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")


def leaks(told: bytes) -> set[str]:
    """Return what of the planted there is in something, spelled out or in Base64."""
    text = told.decode("latin-1")
    found = set(PLANTED.findall(text))
    for each in _BASE64.findall(text):
        plain = each.rstrip("=").replace("-", "+").replace("_", "/")
        plain = plain[: len(plain) - (len(plain) % 4 == 1)]
        raw = base64.b64decode(plain + "=" * (-len(plain) % 4))
        found |= set(PLANTED.findall(raw.decode("latin-1")))
    return found


@dataclass
class Hook:
    """A receiver of alerts that keeps what it is sent, and answers by repeating it."""

    status: int
    port: int = 0
    bodies: list[bytes] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one request with what it was."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head.lower())
        assert length is not None
        self.heads.append(head)
        self.bodies.append(await reader.readexactly(int(length[1])))
        words = b"you said: " + head.replace(b"\r\n", b" ")
        start = f"HTTP/1.1 {self.status} X\r\ncontent-length: {len(words)}\r\n"
        writer.write(f"{start}connection: close\r\n\r\n".encode() + words)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def hook(status: int) -> AsyncIterator[Hook]:
    """Run one."""
    found = Hook(status)
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    async with server:
        found.port = server.sockets[0].getsockname()[1]
        yield found


@dataclass
class Place:
    """Where commands run, with what they are told by their environment."""

    folder: Path
    variables: Mapping[str, str]
    seen: dict[str, bytes] = field(default_factory=dict)
    """Everything that came out anywhere, by where."""

    async def run(self, *arguments: str) -> int | None:
        """Run a command; keep all that it says, and what a list of processes has."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "prober", *arguments),
            cwd=self.folder,
            env={**os.environ, **self.variables},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        listing = asyncio.create_task(self._list_all_along())
        stdout, stderr = await process.communicate()
        listing.cancel()
        name = " ".join(arguments)
        self.seen[f"{name}: stdout"], self.seen[f"{name}: stderr"] = stdout, stderr
        return process.returncode

    async def _list_all_along(self) -> None:
        while True:
            self.list_processes()
            await asyncio.sleep(0.2)

    def list_processes(self) -> None:
        """Note the arguments of all that runs below us."""
        for child in psutil.Process().children(recursive=True):
            try:
                told = " ".join(child.cmdline())
            except psutil.Error:
                continue  # it has ended
            self.seen[f"ps {told}"] = told.encode()

    def keep_files(self) -> None:
        """Note what was written beside what was planted."""
        for file in self.folder.iterdir():
            if file.name.startswith(("report.", "run.", "adhoc.")):
                self.seen[f"file {file.name}"] = contents(file)


def contents(file: Path) -> bytes:
    """Return what a file holds, unfolded where its format folds it."""
    if file.suffix == ".pdf":
        reader = tools.program("/usr/bin/pdftotext", "apt-get install poppler-utils")
        return subprocess.run(
            [reader, file, "-"], check=True, capture_output=True
        ).stdout
    if file.suffix == ".parquet":
        table = pd.read_parquet(io.BytesIO(file.read_bytes()))
        return table.to_csv().encode() + file.read_bytes()
    return file.read_bytes()


def rows(url: str) -> bytes:
    """Return every value of every table of a database."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    tables = MetaData()
    tables.reflect(engine)
    found: list[bytes] = []
    with engine.connect() as connection:
        for table in tables.sorted_tables:
            for row in connection.execute(select(table)):
                found += [v if isinstance(v, bytes) else str(v).encode() for v in row]
    engine.dispose()
    assert found
    return b"\n".join(found)


def environments(stack: ReferenceStack, folder: Path) -> dict[str, Any]:
    """Return one that is well, with tokens from everywhere, and those that are not."""
    ca_file = stack.client_tls("").ca_file
    soon = ending_soon(folder, ca_file)

    def uaa(**who: str) -> dict[str, Any]:
        return {"uaa": {"url": stack.uaa_url, "ca_file": ca_file, **who}}

    def gateway(**how: object) -> dict[str, Any]:
        return {"rlp_gateway": {"url": stack.gateway_url, "ca_file": soon, **how}}

    client = uaa(client_id="spare", client_secret="${CLIENT_SECRET}")  # noqa: S106 - named
    user = uaa(username="operator", password="${USER_PASSWORD}")  # noqa: S106 - named
    probe: Mapping[str, object]
    probe = {"every": "1s", "messages": 20, "late_after": "5s", "lost_after": "10s"}
    good = watching.environment(stack, **probe, whole_firehose=True)
    command = ["cat", str(folder / "token")]
    good["consumers"] |= {
        "gateway": gateway(**client),
        "command": gateway(token_command=command),
        "v1": {"firehose": {"url": stack.firehose_url, "ca_file": ca_file, **user}},
    }
    proxy = "http://me:${PROXY_PASSWORD}@127.0.0.1:1"
    ways: Mapping[str, Mapping[str, Any]] = {
        "wrong": uaa(client_id="spare", client_secret="${WRONG_SECRET}"),  # noqa: S106 - named
        "scopeless": uaa(client_id="mute", client_secret="${SCOPELESS_SECRET}"),  # noqa: S106 - named
        "refused": {"token": "${STATIC_TOKEN}"},
        "proxied": {**client, "proxy": proxy},
    }
    bad = {
        name: {**good, "consumers": {"gateway": gateway(**way)}}
        for name, way in ways.items()
    }
    return {"good": good, **bad}


def ending_soon(folder: Path, ca_file: str) -> str:
    """Return an authority's file whose first certificate ends: an alert will fire."""
    ends = datetime.now(UTC) + timedelta(days=3)
    soon = trustme.CA().issue_cert("ends.example", not_after=ends)
    file = folder / "soon.pem"
    chain = soon.cert_chain_pems[0].bytes()
    file.write_bytes(chain + Path(ca_file).read_bytes())
    return str(file)


async def prepare(
    place: Place, stack: ReferenceStack, database: str, taking: Hook
) -> None:
    """Let the UAA know everybody, and write the configuration."""
    scopes = ["doppler.firehose"]
    await stack.add_client("spare", SECRETS["CLIENT_SECRET"], scopes)
    await stack.add_client("mute", SECRETS["SCOPELESS_SECRET"])
    await stack.add_user("operator", SECRETS["USER_PASSWORD"], scopes)
    ca_file = stack.client_tls("").ca_file
    tokens = UaaTokens(
        Server(peer="UAA", url=stack.uaa_url, ca_file=ca_file),
        SystemClock(),
        client_id="spare",
        client_secret=lambda: SECRETS["CLIENT_SECRET"],
    )
    folder = place.folder
    (folder / "token").write_text(f"bearer {await tokens.token()}\n")
    (folder / "page.users").write_text(f"anna:{hash_of(PAGE_PASSWORD)}\n")
    hooked = {"username": "ada", "password": "${HOOK_PASSWORD}"}
    watching.write(
        folder / "prober.yaml",
        environments(stack, folder),
        store=database.replace("prober@", "prober:${STORE_PASSWORD}@"),
        watch={"auth_file": "page.users"},
        alerts={
            "webhook": {"url": "${HOOK_URL}", **hooked},
            "alertmanager": {"url": f"http://127.0.0.1:{taking.port}", **hooked},
        },
    )


async def write_foreign(stack: ReferenceStack) -> None:
    """Write somebody's logs, with a secret where our stamps are, and around them."""
    now_ns = SystemClock().now_ns()
    whole = Stamp(
        run="k3v9x2m4q7a", cycle=0, sequence=1, sent_ns=now_ns, mark=Mark.LOG, size=0
    )
    stamp = encode_stamp(whole).decode()
    texts = (f"prober/1 {FOREIGN}", f"{stamp} {FOREIGN}", f"{FOREIGN} {stamp}", FOREIGN)
    envelopes = [
        Envelope(
            timestamp=now_ns,
            source_id=source,
            instance_id=FOREIGN,
            tags={TAG: text, "password": FOREIGN},
            log=Log(payload=text.encode()),
        )
        for text in texts
        for source in ("prober", FOREIGN)
    ]
    async with agent_of(stack) as agent:
        while True:
            await send_all(agent, envelopes)
            await asyncio.sleep(0.1)


PATHS = (
    *("/", "/metrics", "/readyz", "/api/v1/environments", "/environments/nobody"),
    *(f"/environments/{name}" for name in ("good", *REFUSED)),
    *(f"/api/v1/environments/{name}" for name in ("good", *REFUSED)),
    *(f"/api/v1/environments/good/{w}" for w in ("window", "cycles", "annotations")),
)


async def look_at_pages(
    place: Place, address: str, paths: Iterable[str], password: str
) -> None:
    """Ask for pages and documents."""
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        for path in paths:
            answer = await client.get(path, auth=("anna", password))
            head = f"{answer.status_code} {answer.headers}"
            place.seen[f"page {path} {head[:3]}"] = head.encode() + answer.content


async def run_daemon(place: Place, postgres: Postgres, stack: ReferenceStack) -> None:
    """Watch for some cycles, with failures of all sorts, and look at its page."""
    async with watching.watch(
        place.folder, env={**os.environ, **place.variables}, errors=True
    ) as daemon:
        told = [await daemon.told_of("started")]
        told.append(await daemon.told_of("measuring", "good"))
        told += [await daemon.told_of("not_measuring", name) for name in REFUSED]
        told += [await daemon.told_of(said) for said in ("alert", "alerts_away")]
        place.list_processes()
        await stack.kill_door("gateway")
        address = told[0]["address"]
        await look_at_pages(place, address, PATHS[:2], NOT_THE_PAGES)
        await look_at_pages(place, address, PATHS, PAGE_PASSWORD)
        await stack.start_door("gateway")
        postgres.stop()
        told.append(await daemon.told_of("store_away"))
        await look_at_pages(place, address, PATHS[:4], PAGE_PASSWORD)
        postgres.start()
        told.append(await daemon.told_of("store_back"))
        daemon.process.terminate()
        assert 0 == await daemon.end()
        assert daemon.process.stderr is not None
        place.seen["daemon: stderr"] = await daemon.process.stderr.read()
    place.seen["daemon: stdout"] = json.dumps([*told, *daemon.told]).encode()


COMMANDS: tuple[tuple[tuple[int, ...], tuple[str, ...]], ...] = (
    # What each may leave with, for a machine may be busy, and what it is.
    ((0,), ("config", "show")),
    ((0,), ("config", "validate")),
    ((0,), ("status",)),
    ((0,), ("status", "--json")),
    ((0,), ("history",)),
    ((0,), ("history", "--json")),
    ((0,), ("rules",)),
    ((0, 4), ("check", "good", "--json")),
    ((4,), ("check", "wrong")),
    *(((4,), ("check", name, "--json")) for name in REFUSED),
    # These end in a traceback, all the way down.
    *(((1,), ("run", name, "--messages=20", "--json")) for name in REFUSED),
    ((1,), ("status", "--store=postgresql://ada@127.0.0.1:1/prober")),
)


async def run_commands(place: Place) -> None:
    """Run all of them, a few at a time, and two that write every sort of file."""
    suffixes = [each.suffixes[0] for each in FORMATS.values()]
    adhoc = ("run", "good", "--messages=100", "--store=adhoc.sqlite")
    commands = (
        *COMMANDS,
        (
            (0,),
            ("report", "good", *(f"--output=report{suffix}" for suffix in suffixes)),
        ),
        ((0, 1, 3), (*adhoc, *(f"--report=run{suffix}" for suffix in suffixes))),
    )
    turns = asyncio.Semaphore(4)

    async def run(codes: tuple[int, ...], arguments: tuple[str, ...]) -> None:
        async with turns:
            left = await place.run(*arguments)
        told = place.seen[f"{' '.join(arguments)}: stderr"].decode()
        assert left in codes, (arguments, told)

    async with asyncio.TaskGroup() as tasks:
        for codes, arguments in commands:
            tasks.create_task(run(codes, arguments))


async def watch_and_ask(
    folder: Path, postgres: Postgres, stack: ReferenceStack
) -> Mapping[str, bytes]:
    """Do everything; return all that came out, by where."""
    database = postgres.database()
    async with hook(403) as refusing, hook(200) as taking, asyncio.TaskGroup() as tasks:
        variables = {n: s.format(hook=refusing.port) for n, s in SECRETS.items()}
        place = Place(folder, {**variables, "PROBER_TRACEBACK": "1"})
        await prepare(place, stack, database, taking)
        others = tasks.create_task(write_foreign(stack))
        await run_daemon(place, postgres, stack)
        await run_commands(place)
        others.cancel()
    place.keep_files()
    place.seen["history"] = rows(database)
    place.seen["alerts"] = b"".join((*refusing.bodies, *taking.bodies))
    assert any(b"authorization: basic " in each.lower() for each in refusing.heads)
    return place.seen


@pytest.mark.long
@pytest.mark.timeout(600)  # two dozen commands, each a process of its own
async def test_no_planted_secret_comes_out(tmp_path: Path) -> None:
    """Not in logs, history, reports, pages, metrics, alerts, `ps` or a traceback."""
    postgres = Postgres()
    try:
        async with ReferenceStack(doors=("gateway", "firehose")) as stack:
            seen = await watch_and_ask(tmp_path, postgres, stack)
    finally:
        postgres.close()

    assert {} == {where: out for where, told in seen.items() if (out := leaks(told))}
    # What had to happen did, so that there was something to come out.
    assert b"ProbeCertificateExpiry" in seen["alerts"]
    assert b"Traceback" in seen["run wrong --messages=20 --json: stderr"]
    assert b"answered 403: you said" in seen["daemon: stdout"]
    for name in ("run", "report"):
        assert len(FORMATS) == sum(w.startswith(f"file {name}.") for w in seen)
    assert "file adhoc.sqlite" in seen
    assert {f"page / {code}" for code in (200, 401)} <= {*seen}


def test_what_is_looked_for_would_be_found() -> None:
    """Plain, in an authorization header, and a token as a UAA writes it."""
    token = "eyJhbGciOiJI.eyJqdGkiOiIx.c2lnbmF0dXJl"  # noqa: S105 - of a test
    basic = base64.b64encode(b"ada:plantedhookpassword")

    assert {"plantedhookpassword"} == leaks(b"x plantedhookpassword y")
    assert {"plantedhookpassword"} == leaks(b"Authorization: Basic " + basic)
    assert {token} == leaks(f'"access_token":"{token}"'.encode())
