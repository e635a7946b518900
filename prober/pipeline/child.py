"""The reference stack in a process of its own, so that it shares no core with us.

Parent and child talk in lines of JSON over the child's standard streams:

    parent  {"routers": 1, …}                              what ReferenceStack takes
    child   {"ready": {"agent_addresses": …}}              or {"refused": "sentence"}
    parent  {"id": 1, "call": "kill_router", "arguments": [0]}
    child   {"id": 1, "answer": null}

The child ends when its standard input does: however its parent ended.
"""

import asyncio
import dataclasses
import inspect
import json
import os
import shutil
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from prober.errors import CouldNotProbe, UsageError
from prober.pipeline import certificates
from prober.pipeline.letters import Track
from prober.pipeline.profile import Profile
from prober.pipeline.stack import ReferenceStack
from prober.pipeline.statistics import StackStatistics
from prober.records import BufferDrops, Tls

if TYPE_CHECKING:  # what is there only in a stack that is started with faults
    from prober.pipeline.faults import Scenario

_LINE_BYTES = 1 << 20
_END_SECONDS = 10.0


class StackOptions(TypedDict, total=False):
    """What `ReferenceStack` takes, but for the clock: a process has its own."""

    routers: int
    profile: str | Profile
    seed: int
    tls_dir: str | None
    host: str
    agents: int
    agent_ports: tuple[int, ...]
    router_ports: tuple[int, ...]
    rlp_port: int
    doors: tuple[str, ...]
    door_ports: Mapping[str, int]
    track: Track | None
    faults: "Scenario | None"


class ChildStack:
    """A `ReferenceStack` in a child process, with the same face; questions are awaited.

    The address of a door that was not opened is empty.
    Raises UsageError on entry as that one does, and CouldNotProbe when the process has
    ended by itself: its standard error tells why.
    """

    agent_address: str
    agent_addresses: tuple[str, ...]
    rlp_address: str
    router_addresses: tuple[str, ...]
    gateway_url: str
    firehose_url: str
    metrics_address: str
    metrics_addresses: tuple[str, ...]
    uaa_url: str
    uaa_client: tuple[str, str]

    def __init__(self, **options: Unpack[StackOptions]) -> None:
        self._options = options
        self._turn = asyncio.Lock()
        self._asked = 0
        self._directory: Path | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", __name__),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
            start_new_session=True,  # Ctrl-C is ours to handle
            env={"GRPC_VERBOSITY": "NONE", **os.environ},
        )
        try:
            await self._write(_plain(self._options))
            self._be(await self._read())
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._end()
        if error is None and self._process.returncode != 0:
            raise self._ended()

    @property
    def pid(self) -> int:
        """Its process, for who wants to know what that holds."""
        return self._process.pid

    def client_tls(self, server_name: str) -> Tls:
        """Return a client's certificate files, for a server of that name."""
        assert self._directory is not None  # noqa: S101 - told on entry
        return certificates.tls(self._directory, certificates.CLIENT, server_name)

    async def statistics(self) -> StackStatistics:
        """Return what every component and every buffer counted so far."""
        return StackStatistics.of(await self._ask("statistics"))

    async def drops(self) -> tuple[BufferDrops, ...]:
        """Return what each buffer dropped of the tracked envelopes."""
        return (await self.statistics()).drops()

    async def begin_faults(self) -> None:
        """Let the timeline of the faults begin now, if there are any."""
        await self._ask("begin_faults")

    async def kill_agent(self, index: int = 0) -> None:
        """End an agent at once: what it buffered is gone."""
        await self._ask("kill_agent", index)

    async def start_agent(self, index: int = 0) -> None:
        """Start an agent anew, on the same port."""
        await self._ask("start_agent", index)

    async def kill_router(self, index: int) -> None:
        """End a router at once: connections are cut, what it buffered is gone."""
        await self._ask("kill_router", index)

    async def start_router(self, index: int) -> None:
        """Start a router anew, on the same port."""
        await self._ask("start_router", index)

    async def kill_rlp(self) -> None:
        """End the RLP at once: its consumers' connections are cut."""
        await self._ask("kill_rlp")

    async def stop_rlp(self) -> None:
        """End the RLP as on SIGTERM: its consumers' streams end with the status OK."""
        await self._ask("stop_rlp")

    async def start_rlp(self) -> None:
        """Start the RLP anew, on the same port."""
        await self._ask("start_rlp")

    async def kill_door(self, name: str) -> None:
        """End `gateway`, `firehose` or `uaa` at once, cutting its clients."""
        await self._ask("kill_door", name)

    async def start_door(self, name: str) -> None:
        """Start one of them anew, on the same port."""
        await self._ask("start_door", name)

    async def add_client(
        self,
        client_id: str,
        secret: str,
        scopes: Collection[str] = (),
        apps: Collection[str] = (),
    ) -> None:
        """Let a client have tokens with these scopes, and read these apps' logs."""
        await self._ask("add_client", client_id, secret, [*scopes], [*apps])

    async def add_user(
        self,
        name: str,
        password: str,
        scopes: Collection[str] = (),
        apps: Collection[str] = (),
    ) -> None:
        """Let a user have tokens by the client `cf`, which has no secret."""
        await self._ask("add_user", name, password, [*scopes], [*apps])

    def _be(self, message: Mapping[str, Any]) -> None:
        if "refused" in message:
            raise UsageError(message["refused"])
        ready = message["ready"]
        self.agent_addresses = tuple(ready["agent_addresses"])
        self.agent_address = self.agent_addresses[0]
        self.rlp_address = ready["rlp_address"]
        self.router_addresses = tuple(ready["router_addresses"])
        self.gateway_url = ready.get("gateway_url", "")
        self.firehose_url = ready.get("firehose_url", "")
        self.metrics_addresses = tuple(
            each or "" for each in ready["metrics_addresses"]
        )
        self.metrics_address = self.metrics_addresses[0]
        self.uaa_url = ready.get("uaa_url", "")
        self.uaa_client = (ready.get("client_id", ""), ready.get("client_secret", ""))
        self._directory = Path(ready["directory"])

    async def _ask(self, call: str, *arguments: object) -> Any:  # noqa: ANN401 - JSON
        async with self._turn:
            self._asked += 1
            question = {"id": self._asked, "call": call, "arguments": arguments}
            await self._write(question)
            while (reply := await self._read())["id"] != self._asked:
                pass  # the answer to one who was cancelled while he waited
            return reply["answer"]

    async def _write(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None  # noqa: S101 - asked for a pipe
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        try:
            await self._process.stdin.drain()
        except ConnectionError as error:
            raise self._ended() from error

    async def _read(self) -> Mapping[str, Any]:
        assert self._process.stdout is not None  # noqa: S101 - asked for a pipe
        line = await self._process.stdout.readline()
        if not line:
            raise self._ended()
        message: Mapping[str, Any] = json.loads(line)
        return message

    def _ended(self) -> CouldNotProbe:
        return CouldNotProbe(
            "the process of the reference stack ended by itself; standard error tells"
            " why: please report it"
        )

    async def _end(self) -> None:
        """Close the child's input, which ends it; insist if it does not end."""
        process = self._process
        assert process.stdin is not None  # noqa: S101 - asked for a pipe
        process.stdin.close()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            if self._directory and not self._options.get("tls_dir"):
                # The child removes it, unless it was killed.
                shutil.rmtree(self._directory, ignore_errors=True)


def _plain(options: StackOptions) -> dict[str, Any]:
    plain: dict[str, Any] = {**options}
    if isinstance(profile := options.get("profile"), Profile):
        plain["profile"] = dataclasses.asdict(profile)
    if faults := options.get("faults"):
        plain["faults"] = faults.plain()
    return plain


def _options(plain: dict[str, Any]) -> StackOptions:
    """Return what `_plain` was given, as far as a stack can tell."""
    if isinstance(profile := plain.get("profile"), dict):
        plain["profile"] = Profile(**profile)
    if track := plain.get("track"):
        plain["track"] = tuple(track)
    if isinstance(faults := plain.get("faults"), dict):
        from prober.pipeline.faults import Scenario  # noqa: PLC0415 - see above

        plain["faults"] = Scenario.of(faults)
    options: StackOptions = plain  # type: ignore[assignment]
    return options


async def _serve() -> int:
    """Be the child: run a stack and answer until there are no more questions."""
    questions = asyncio.StreamReader(limit=_LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(questions), sys.stdin
    )
    try:
        stack = ReferenceStack(**_options(json.loads(await questions.readline())))
        async with stack:
            _tell({"ready": stack.ends()})
            while line := await questions.readline():
                _tell(await _answer(stack, json.loads(line)))
    except UsageError as error:
        _tell({"refused": str(error)})
        return error.exit_code
    return 0


async def _answer(stack: ReferenceStack, question: Mapping[str, Any]) -> dict[str, Any]:
    answer = getattr(stack, question["call"])(*question["arguments"])
    if inspect.isawaitable(answer):
        answer = await answer
    if isinstance(answer, StackStatistics):
        answer = dataclasses.asdict(answer)
    return {"id": question["id"], "answer": answer}


def _tell(message: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(asyncio.run(_serve()))
