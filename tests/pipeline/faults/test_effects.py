"""What each fault does to envelopes that pass: exactly so much, and no more."""

import dataclasses

from prober.clock import NS
from prober.pipeline.faults import Fault, FaultKind
from prober.pipeline.faults.items import is_intact
from prober.rpc.loggregator_v2.envelope_pb2 import Envelope, EnvelopeBatch
from prober.stamp import Mark, Scanner
from tests.pipeline.clients import logs
from tests.pipeline.faults.laboratories import (
    RUN,
    message,
    messages,
    numbers,
    tapped,
)

DROP = Fault(kind=FaultKind.DROP, where="rlp")


async def test_each_so_manieth_is_dropped() -> None:
    """Of a hundred, in whatever batches they come, each tenth is gone."""
    async with tapped(dataclasses.replace(DROP, every=10)) as place:
        for first in range(0, 100, 7):
            place.take(messages(min(7, 100 - first), first))

        kept = [n for n in range(100) if n % 10 != 9]
        assert kept == place.numbers
        assert [10] == list(place.laboratory.touched.values())


async def test_random_choices_come_back_with_their_seed() -> None:
    """About a fifth is gone; the same seed loses the same ones, another does not."""
    fault = dataclasses.replace(DROP, probability=0.2)
    kept = []
    for seed in (1, 1, 2):
        async with tapped(fault, seed=seed) as place:
            place.take(messages(1000))
            kept.append(place.numbers)

    assert kept[0] == kept[1] != kept[2]
    assert 700 < len(kept[0]) < 900


async def test_a_lap_is_the_first_so_many_in_a_row() -> None:
    """What comes once the fault has begun is gone, up to a whole ring."""
    fault = dataclasses.replace(DROP, lap=30, after_ns=NS)
    async with tapped(fault) as place:
        place.take(messages(10))
        await place.clock.advance(1)
        place.take(messages(50, first=10))

        assert [*range(10), *range(40, 60)] == place.numbers


async def test_a_fault_begins_and_ends_at_its_time() -> None:
    """Before and after, everything passes."""
    fault = dataclasses.replace(DROP, after_ns=2 * NS, lasts_ns=3 * NS)
    async with tapped(fault) as place:
        for second in range(7):
            place.take([message(second)])
            await place.clock.advance(1)

        assert [0, 1, 5, 6] == place.numbers


async def test_aids_and_foreign_envelopes_are_left_alone_unless_all_are_meant() -> None:
    """Primers, trailers and other people's logs pass; with `all` they are counted."""
    others = [message(1, Mark.PRIMER), message(2, Mark.TRAILER), *logs([1])]
    passed = []
    for only in ("messages", "all"):
        async with tapped(dataclasses.replace(DROP, only=only)) as place:
            place.take([*others, message(3)])
            passed.append(len(place.passed))

    assert [3, 0] == passed


async def test_duplicates_follow_their_first_and_are_whole() -> None:
    """Each fourth passes twice, as an envelope of its own."""
    fault = Fault(kind=FaultKind.DUPLICATE, where="rlp", every=4)
    async with tapped(fault) as place:
        place.take(messages(8))

        assert [0, 1, 2, 3, 3, 4, 5, 6, 7, 7] == place.numbers
        assert place.passed[3] is not place.passed[4]


async def test_windows_are_shuffled_and_none_is_kept() -> None:
    """Each window leaves in another order; what fills none leaves a little later."""
    fault = Fault(kind=FaultKind.REORDER, where="rlp", window=10)
    async with tapped(fault) as place:
        place.take(messages(25))

        first, second = place.numbers[:10], place.numbers[10:]
        assert set(range(10)) == set(first)
        assert set(range(10, 20)) == set(second)
        assert list(range(10)) != first

        await place.clock.advance(0.25)
        assert set(range(25)) == set(place.numbers)


async def test_what_is_delayed_comes_later_and_whole() -> None:
    """Each third is held for two seconds, and overtaken meanwhile."""
    fault = Fault(kind=FaultKind.DELAY, where="rlp", every=3, by_ns=2 * NS)
    async with tapped(fault) as place:
        place.take(messages(6))
        assert [0, 1, 3, 4] == place.numbers

        await place.clock.advance(2)
        assert [0, 1, 3, 4, 2, 5] == place.numbers


async def test_jitter_lets_each_come_at_its_own_time() -> None:
    """Held for one to three seconds, they are all there after three."""
    fault = Fault(kind=FaultKind.DELAY, where="rlp", by_ns=NS, jitter_ns=2 * NS)
    async with tapped(fault) as place:
        place.take(messages(50))
        await place.clock.advance(1)
        early = len(place.passed)
        await place.clock.advance(1)
        middle = len(place.passed)
        await place.clock.advance(1)

        assert early < middle < 50 == len(place.passed)
        assert sorted(place.numbers, key=str) != place.numbers


async def test_a_changed_byte_is_found_and_told_to_be_damage() -> None:
    """One byte is another, wherever it is; the prober's scanner calls it corrupt."""
    fault = Fault(kind=FaultKind.CORRUPT, where="rlp")
    async with tapped(fault) as place:
        whole = messages(50)
        place.take(whole)

        for before, after in zip(whole, place.passed, strict=True):
            assert isinstance(after, Envelope)
            pairs = zip(before.log.payload, after.log.payload, strict=True)
            assert 1 == sum(a != b for a, b in pairs)
        raw = EnvelopeBatch(batch=place.passed).SerializeToString()  # type: ignore[arg-type]
        found = Scanner(RUN, lambda _: 0).scan(raw)
        assert [] == list(found.sequences)
        assert set(range(50)) == set(found.damaged)


async def test_damage_does_not_reach_who_else_holds_the_envelope() -> None:
    """Several subscriptions share an envelope: only the one that passes is damaged."""
    fault = Fault(kind=FaultKind.CORRUPT, where="rlp")
    async with tapped(fault) as place:
        mine = message(1)
        place.take([mine])

        assert is_intact(mine)
        assert not is_intact(place.passed[0])


async def test_payloads_are_cut_short() -> None:
    """So many bytes are left of a log."""
    fault = Fault(kind=FaultKind.TRUNCATE, where="rlp", keep=90)
    async with tapped(fault) as place:
        place.take(messages(3))

        assert [90] * 3 == [len(e.log.payload) for e in place.passed]  # type: ignore[union-attr]
        assert not any(map(is_intact, place.passed))


async def test_the_future_keeps_messages_whole_and_adds_what_nobody_knows() -> None:
    """A message gets a field that survives, and a stranger beside it."""
    fault = Fault(kind=FaultKind.FUTURE, where="rlp")
    async with tapped(fault) as place:
        place.take(messages(2))

        known, stranger = place.passed[:2]
        assert isinstance(known, Envelope)
        assert isinstance(stranger, Envelope)
        assert b"from-future" in known.SerializeToString()
        assert is_intact(known)
        assert stranger.WhichOneof("message") is None
        assert [0, None, 1, None] == numbers(place.passed)


async def test_faults_of_one_place_follow_each_other() -> None:
    """The second sees what the first left, and what it held back passes the second."""
    held = Fault(kind=FaultKind.DELAY, where="rlp", every=2, by_ns=NS)
    doubled = Fault(kind=FaultKind.DUPLICATE, where="rlp")
    async with tapped(held, doubled) as place:
        place.take(messages(2))
        await place.clock.advance(1)

        assert [0, 0, 1, 1] == place.numbers


async def test_the_witness_knows_damaged_messages_again() -> None:
    """What passed is remembered in its order, damaged or not, and aids are not."""
    fault = Fault(kind=FaultKind.CORRUPT, where="rlp", every=2)
    async with tapped(fault) as place:
        place.take([message(9, Mark.PRIMER), *messages(4)])

        witness = place.laboratory.witness
        assert witness is not None
        seen = witness.passed["rlp", "stream"]
        assert [0, 1, 2, 3] == [each.sequence for each in seen]
        assert [True, False, True, False] == [each.intact for each in seen]
        assert {RUN} == {each.run for each in seen}


async def test_nothing_stands_in_the_way_where_no_fault_is() -> None:
    """Without a witness, a place of which no fault speaks is what it was."""
    async with tapped(DROP) as place:
        place.laboratory.witness = None
        take = place.passed.extend

        assert take is place.laboratory.tapped("agent", take, "")
