"""The ends of a trial's stack: writers, one for each agent, and readers."""

import functools
import itertools
from collections.abc import Callable

from prober.clock import Clock
from prober.egress import Reader
from prober.egress.firehose import FirehoseReader
from prober.egress.https import Server
from prober.egress.rlp import RlpReader
from prober.egress.rlp_gateway import RlpGatewayReader
from prober.egress.tokens import UaaTokens
from prober.ingress import Report
from prober.ingress.agent import AgentWriter
from prober.pipeline.stack import ReferenceStack
from prober.probe import Job, OpenReader, OpenWriter
from prober.records import Kind


class Ends:
    """What opens readers and writers of one stack, which has to be up."""

    def __init__(self, stack: ReferenceStack, job: Job, clock: Clock) -> None:
        self._stack, self._job, self._clock = stack, job, clock

    def writers(self) -> list[OpenWriter]:
        """Return what opens a writer to each agent."""
        return [
            functools.partial(self._writer, address)
            for address in self._stack.agent_addresses
        ]

    def _writer(self, address: str, report: Report) -> AgentWriter:
        tls = self._stack.client_tls("metron")
        return AgentWriter(address, tls, self._clock, report)

    def opener(self, consumer: str) -> OpenReader:
        """Return what opens a consumer, under names by which the witness knows it.

        `NAME.0-` is the consumer itself; what the prober opens beside it to compare
        has higher numbers.
        """
        makers = {"rlp": self._rlp, "gateway": self._gateway, "v1": self._firehose}
        turns = itertools.count()

        def open_() -> Reader:
            turn = next(turns)
            return makers[consumer](lambda epoch: f"{consumer}.{turn}-{epoch}")

        return open_

    def carried(self, consumer: str) -> list[Kind]:
        """Return the kinds of envelope that a consumer's way out can carry."""
        reader = self.opener(consumer)()
        return [kind for kind in Kind if reader.expects(kind)]

    @property
    def _source_id(self) -> str | None:
        return None if self._job.whole_firehose else self._job.plan.source_id

    def _rlp(self, shard_id: Callable[[int], str]) -> Reader:
        return RlpReader(
            self._stack.rlp_address,
            self._stack.client_tls("reverselogproxy"),
            self._clock,
            source_id=self._source_id,
            kinds=tuple(Kind),
            shard_id=shard_id,
        )

    def _gateway(self, shard_id: Callable[[int], str]) -> Reader:
        return RlpGatewayReader(
            self._server("RLP gateway", self._stack.gateway_url),
            self._tokens(),
            self._clock,
            source_id=self._source_id,
            kinds=tuple(Kind),
            shard_id=shard_id,
        )

    def _firehose(self, shard_id: Callable[[int], str]) -> Reader:
        return FirehoseReader(
            self._server("traffic controller", self._stack.firehose_url),
            self._tokens(),
            self._clock,
            shard_id=shard_id,
        )

    def _tokens(self) -> UaaTokens:
        client_id, secret = self._stack.uaa_client
        return UaaTokens(
            self._server("UAA", self._stack.uaa_url),
            self._clock,
            client_id=client_id,
            client_secret=lambda: secret,
        )

    def _server(self, peer: str, url: str) -> Server:
        ca_file = self._stack.client_tls("").ca_file
        return Server(peer=peer, url=url, ca_file=ca_file, proxy=None)
