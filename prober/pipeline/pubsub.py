"""Who gets an envelope: a router's subscriptions, by selector and by shard.

Each selector of a request is a subscription of its own. Selectors that ask for the
same (source, kind, names) meet at one node, and a node sees each of its envelopes once:

    node (any source, log, any name)
      ├── no shard     every member gets a copy
      ├── shard "a"    one member gets it, drawn anew for each envelope
      └── shard "b"    one member gets it

So two selectors that overlap deliver twice, and the same selector twice within a shard
delivers once, with double weight.
"""

import random
import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from prober.rpc.loggregator_v2.egress_pb2 import EgressBatchRequest, Selector
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope

_NAMED = ("counter", "gauge")
"""The kinds that can be selected by name."""

Setter: TypeAlias = Callable[[Envelope], None]
"""Takes an envelope in without waiting: a diode's `set`."""
SetAll: TypeAlias = Callable[[Sequence[Envelope]], None]
"""Takes envelopes in without waiting, in their order: a ring's `set_all`."""

_Path: TypeAlias = tuple[str, str, tuple[str, ...]]
"""Source (empty: any), kind, and sorted names (none: any)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Member:
    """One request at the nodes of its selectors."""

    setter: Setter
    set_all: SetAll | None
    name: str
    """Its `deterministic_name`, empty for none."""


class PubSub:
    """Hands each envelope to the subscribers that asked for it.

    To publish is to look at four nodes at most, however many subscriptions there are.
    All calls come from one thread; a setter may itself subscribe and unsubscribe.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._members: set[_Member] = set()
        self._nodes: dict[_Path, dict[Hashable, tuple[_Member, ...]]] = {}

    @property
    def subscriptions(self) -> int:
        """How many requests are subscribed, those that get nothing among them."""
        return len(self._members)

    def subscribe(
        self,
        request: EgressBatchRequest,
        setter: Setter,
        set_all: SetAll | None = None,
    ) -> Callable[[], None]:
        """Subscribe to each of the request's selectors; the answer unsubscribes.

        With `set_all` what is published together is handed over together.

        Selectors without a message are skipped, and a request without selectors is
        never sent anything: to refuse them, and to heed `legacy_selector`, is the
        reverse log proxy's task.
        """
        member = _Member(
            setter=setter, set_all=set_all, name=request.deterministic_name
        )
        # Without a shard id a member is a shard of its own.
        places = [
            (_path(selector), request.shard_id or object())
            for selector in request.selectors
            if selector.WhichOneof("message")
        ]
        self._members.add(member)
        for path, shard in places:
            shards = self._nodes.setdefault(path, {})
            joined = (*shards.get(shard, ()), member)
            shards[shard] = tuple(sorted(joined, key=lambda each: each.name))

        def unsubscribe() -> None:
            self._members.discard(member)
            for path, shard in places:
                self._leave(path, shard, member)

        return unsubscribe

    def _leave(self, path: _Path, shard: Hashable, member: _Member) -> None:
        shards = self._nodes.get(path, {})
        members = shards.pop(shard, ())
        if rest := tuple(each for each in members if each is not member):
            shards[shard] = rest
        elif not shards:
            self._nodes.pop(path, None)

    def publish(self, envelope: Envelope) -> None:
        """Hand the envelope to every subscriber whose turn it is.

        Without a message it goes to nobody.
        """
        nodes = self._nodes
        for path in _paths(envelope):
            if path in nodes:
                # A copy, since a setter may change who is subscribed.
                for members in tuple(nodes[path].values()):
                    self._choose(members, envelope).setter(envelope)

    def publish_all(self, envelopes: Iterable[Envelope]) -> None:
        """Hand each envelope to every subscriber whose turn it is.

        To each subscriber in the order of the envelopes, but to one after the other.
        """
        chosen: dict[_Member, list[Envelope]] = {}
        sole: dict[tuple[str, str | None], list[list[Envelope]] | None] = {}
        for envelope in envelopes:
            like = envelope.source_id, envelope.WhichOneof("message")
            lists = sole[like] if like in sole else self._sole(like, chosen, sole)
            if lists is not None:
                for each in lists:
                    each.append(envelope)
                continue
            for path in _paths(envelope):
                for members in self._nodes.get(path, {}).values():
                    member = self._choose(members, envelope)
                    chosen.setdefault(member, []).append(envelope)
        for member, items in chosen.items():
            if member.set_all is not None:
                member.set_all(items)
            else:
                for item in items:
                    member.setter(item)

    def _sole(
        self,
        like: tuple[str, str | None],
        chosen: dict[_Member, list[Envelope]],
        sole: dict[tuple[str, str | None], list[list[Envelope]] | None],
    ) -> list[list[Envelope]] | None:
        """Return where all envelopes of a source and kind go; None if that is drawn.

        Nothing is drawn where each shard has one member, and nothing asks for names.
        """
        source_id, kind = like
        sole[like] = None
        if kind not in _NAMED:
            paths = [(each, kind or "", ()) for each in dict.fromkeys(("", source_id))]
            shards = [
                members
                for path in paths
                if kind
                for members in self._nodes.get(path, {}).values()
            ]
            if all(len(members) == 1 for members in shards):
                sole[like] = [chosen.setdefault(each, []) for (each,) in shards]
        return sole[like]

    def _choose(self, members: tuple[_Member, ...], envelope: Envelope) -> _Member:
        if len(members) == 1:
            return members[0]
        # Members are sorted by name: if any has one, the last has.
        if members[-1].name and envelope.WhichOneof("message") in _NAMED:
            return members[_hash(_names(envelope)) % len(members)]
        return self._rng.choice(members)


def _path(selector: Selector) -> _Path:
    """Return the node that a selector stands for."""
    kind = selector.WhichOneof("message") or ""
    names: tuple[str, ...] = ()
    if kind == "counter" and selector.counter.name:
        names = (selector.counter.name,)
    elif kind == "gauge":
        names = tuple(sorted(selector.gauge.names))
    return selector.source_id, kind, names


def _paths(envelope: Envelope) -> Iterator[_Path]:
    """Yield each node that an envelope belongs to: its own, and the wider ones."""
    kind = envelope.WhichOneof("message")
    if kind is None:
        return
    names = _names(envelope) if kind in _NAMED else ()
    for source_id in ("", envelope.source_id) if envelope.source_id else ("",):
        yield source_id, kind, ()
        if names:
            yield source_id, kind, names


def _names(envelope: Envelope) -> tuple[str, ...]:
    """Return the sorted names by which an envelope can be selected."""
    if envelope.HasField("counter"):
        return (envelope.counter.name,)
    return tuple(sorted(envelope.gauge.metrics))


def _hash(names: tuple[str, ...]) -> int:
    """Return the sum of the names' hashes: the same in every process."""
    return sum(zlib.crc32(name.encode()) for name in names)
