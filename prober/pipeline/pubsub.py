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
from itertools import groupby
from operator import itemgetter
from typing import TypeAlias

from prober.pipeline.letters import Label, Letter
from prober.rpc.loggregator_v2.egress_pb2 import EgressBatchRequest, Selector

_NAMED = ("counter", "gauge")
"""The kinds that can be selected by name."""

Setter: TypeAlias = Callable[[Letter], None]
"""Takes a letter in without waiting: a diode's `set`."""
SetAll: TypeAlias = Callable[[Sequence[Letter]], None]
"""Takes letters in without waiting, in their order: a ring's `set_all`."""

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

    def publish(self, letter: Letter) -> None:
        """Hand the envelope to every subscriber whose turn it is.

        Without a message it goes to nobody.
        """
        nodes = self._nodes
        for path in _paths(letter[1]):
            if path in nodes:
                # A copy, since a setter may change who is subscribed.
                for members in tuple(nodes[path].values()):
                    self._choose(members, letter[1]).setter(letter)

    def publish_all(self, letters: Iterable[Letter]) -> None:
        """Hand each envelope to every subscriber whose turn it is.

        To each subscriber in the order of the envelopes, but to one after the other.
        """
        chosen: dict[_Member, list[Letter]] = {}
        for label, alike in groupby(letters, itemgetter(1)):
            shards = [
                members
                for path in _paths(label)
                for members in self._nodes.get(path, {}).values()
            ]
            everybody = [member for members in shards for member in members]
            if len(set(everybody)) == len(everybody) == len(shards):
                # Nothing is drawn, and nobody gets anything twice.
                group = list(alike)
                for member in everybody:
                    chosen.setdefault(member, []).extend(group)
                continue
            for letter in alike:
                for members in shards:
                    member = self._choose(members, label)
                    chosen.setdefault(member, []).append(letter)
        for member, items in chosen.items():
            if member.set_all is not None:
                member.set_all(items)
            else:
                for item in items:
                    member.setter(item)

    def _choose(self, members: tuple[_Member, ...], label: Label) -> _Member:
        if len(members) == 1:
            return members[0]
        # Members are sorted by name: if any has one, the last has.
        if members[-1].name and label.kind in _NAMED:
            return members[_hash(label.names) % len(members)]
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


def _paths(label: Label) -> Iterator[_Path]:
    """Yield each node that an envelope belongs to: its own, and the wider ones."""
    if not label.kind:
        return
    for source_id in ("", label.source_id) if label.source_id else ("",):
        yield source_id, label.kind, ()
        if label.names:
            yield source_id, label.kind, label.names


def _hash(names: tuple[str, ...]) -> int:
    """Return the sum of the names' hashes: the same in every process."""
    return sum(zlib.crc32(name.encode()) for name in names)
