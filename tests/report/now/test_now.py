"""What is told at 3 a.m., of environments in each condition."""

from dataclasses import replace

import pytest

from prober.bounds import BOUNDS, RSS_LIMIT
from prober.clock import NS
from prober.history import CycleRecord, adjudicated
from prober.records import State
from prober.report.now import Condition, Known, Now, nagios, now, worst_first
from prober.slo.cycles import Evidence
from prober.slo.tallies import Tally
from tests.report.now import samples
from tests.report.now.samples import at, consumer, cycle, drops, known, live, window


def lines(found: Now) -> dict[str, str]:
    """Return the answers by their questions."""
    return {line.label: line.words for line in found.lines}


def test_screen_of_the_product() -> None:
    """Blind readers after a deploy: what, who, whose fault, until when, what to do."""
    found = now(samples.losing())

    assert "LOSING since 03:06:58 (74 s)" == found.headline
    assert "ticket, no page" == found.alerts
    assert {
        "now": "51 % overdue > 5 s on rlp AND gateway; final at 60 s",
        "who": "rlp and gateway: subscriptions of before are blind; a NEW one gets "
        "all: every nozzle that was connected misses them too",
        "mine?": "no: streams up, loop lag 3.00 ms, readers 12.0 ms behind",
        "platform": "its own counters show no drops; reconnect ladder ends by 03:08:50",
        "budget": "99 %/30 d: 81 % left; at this pace gone in 11 h",
        "changed": "03:06:40 deploy cf v41 (ci)",
        "do": "wait to 03:08:50, else reconnect nozzles | prober check prod_eu",
    } == lines(found)


def test_all_is_well() -> None:
    """Without a fault there is the age of the last cycle, the budget, and no advice."""
    found = now(known())

    assert Condition.OK is found.condition
    assert "OK, last cycle 58 s ago" == found.headline
    assert ["mine?", "budget"] == [line.label for line in found.lines]
    assert "99 %/30 d: 100 % left" == lines(found)["budget"]


def test_token_refused() -> None:
    """A daemon that sees nothing says since when, why, and that it is our own."""
    away = live(
        consumer("rlp", connected=False),
        measuring=False,
        why_not="token refused",
        ours=True,
        since_ns=at("03:02:12"),
        retries=9,
    )
    found = now(known(lives=[away]))

    assert "NOT MEASURED 6 min: token refused (ours)" == found.headline
    do = "renew the client's secret or its scopes | prober check prod_eu"
    assert do == lines(found)["do"]
    assert lines(found)["mine?"].startswith("yes: rlp is not attached")


@pytest.mark.parametrize(
    ("ours", "last", "whose", "mine"),
    [
        (True, samples.NOW, "ours", "yes"),
        (True, None, "perhaps ours: it never measured yet", "perhaps"),
        (False, None, "theirs", "no"),
        (False, samples.NOW, "theirs", "no"),
    ],
)
def test_whose_fault_it_is_is_told_once(
    *, ours: bool, last: int | None, whose: str, mine: str
) -> None:
    """Headline and answer agree; a figure beyond its bound is another matter."""
    away = live(
        consumer("rlp", connected=False, detail="nothing listens there"),
        measuring=False,
        why_not="nothing listens there",
        ours=ours,
        last_cycle_ns=last,
        retries=2,
    )
    late = replace(away, health={**samples.HEALTH, "loop_lag_max_seconds": 2.3})
    found = now(known(lives=[away], recent=[]))

    assert found.headline.endswith(f"nothing listens there ({whose})")
    assert (
        f"{mine}: rlp is not attached: nothing listens there" == lines(found)["mine?"]
    )
    assert lines(now(known(lives=[late])))["mine?"].startswith("perhaps: rlp is not")


def test_daemon_that_died() -> None:
    """Three periods of silence are told, whatever was true before them."""
    found = now(known(lives=[live(at_ns=at("03:05:11"))]))

    assert Condition.NOT_MEASURED is found.condition
    assert found.silent
    assert "NOT MEASURED 3 min: diego-0:812 is silent" == found.headline
    assert "look where diego-0:812 was: is prober watch up?" == lines(found)["do"]
    assert "mine?" not in lines(found)


def test_daemon_that_speaks_after_another_died() -> None:
    """Of two daemons that watch one environment the last to speak counts."""
    old = live(at_ns=at("01:00:00"), daemon="diego-1:7")

    assert Condition.OK is now(known(lives=[old, live()])).condition


def test_daemon_that_left_on_purpose() -> None:
    """An environment that was taken out of a configuration is nobody's alarm."""
    gone = live(at_ns=at("01:00:00"), ended=True, why_not="no longer configured")
    found = now(known(lives=[gone]))

    assert Condition.LEFT is found.condition
    assert "NOT WATCHED: no longer configured" == found.headline


@pytest.mark.parametrize(
    ("increase", "hint"),
    [
        (drops("router", "egress", 3_000), "consumers are slow or too few"),
        (drops("router", "ingress", 10_000), "routers take in more than they can"),
        (drops("RLP", "egress", 7), "a consumer of the RLP is slow"),
        (drops("agent", "ingress", 10_000), "an agent's buffer overran"),
        (drops("router", "egress", 0), "look at agents and routers"),
    ],
    ids=["router egress", "router ingress", "RLP", "agent", "none"],
)
def test_hint_by_the_counter_that_rose(increase: object, hint: str) -> None:
    """Each of Loggregator's own counters points at another remedy."""
    recent = [
        cycle("03:07:14", name, lost=100, platform=(increase,))
        for name in ("rlp", "gateway")
    ]
    found = now(known(recent=recent))

    assert Condition.LOSING is found.condition
    assert lines(found)["do"].startswith(hint)


def test_increase_is_told_once_for_all_consumers() -> None:
    """A drop stands in the cycles of two consumers, and happened once."""
    rose = (drops("router", "egress", 3_000),)
    recent = [
        cycle("03:07:14", name, lost=100, platform=rose) for name in ("rlp", "gateway")
    ]

    assert (
        "router egress drops rose by 3,000"
        == lines(now(known(recent=recent)))["platform"]
    )


def test_one_consumer_alone() -> None:
    """What the others got was there to be had: it was lost on one way out."""
    recent = [cycle("03:07:14", lost=30), cycle("03:07:14", "gateway")]
    told = lines(now(known(recent=recent)))

    assert "30 of 300 lost on rlp in 1 cycle, the last of them final" == told["now"]
    assert "rlp alone; gateway gets all: lost on its own way out" == told["who"]
    assert "look at the way out of rlp | prober check prod_eu" == told["do"]


def test_loss_that_is_over() -> None:
    """One clean cycle ends a streak, and one that does not count ends none."""
    recent = [cycle("03:05:14", lost=30), cycle("03:06:14", lost=20)]
    unsure = cycle("03:07:14", state=State.INCONCLUSIVE, reason="consumer disconnected")

    assert Condition.LOSING is now(known(recent=[*recent, unsure])).condition
    streak = lines(now(known(recent=[*recent, unsure])))["now"]
    assert "50 of 600 lost on rlp in 2 cycles, the last of them final" == streak
    assert Condition.OK is now(known(recent=[*recent, cycle("03:07:14")])).condition


def excluded(cycle_: CycleRecord) -> CycleRecord:
    """A cycle of a time that somebody excluded."""
    return adjudicated(cycle_, [MAINTENANCE])


MAINTENANCE = replace(
    samples.note("03:05:00", "maintenance", "root"),
    kind="exclude",
    to_ns=at("04:00:00"),
)


@pytest.mark.parametrize("minutes", [0, 1, 5])
def test_excluded_while_it_loses(minutes: int) -> None:
    """Until when, by whom and why, and since when it loses: that stands still."""
    late = replace(consumer("rlp"), overdue=30, overdue_since_ns=at("03:07:54"))
    now_ns = samples.NOW + minutes * samples.MINUTE_NS
    lossy = [
        excluded(cycle(f"03:{7 + minute:02}:14", lost=30))
        for minute in range(minutes + 1)
    ]
    fine = cycle("03:06:00", index=1)
    found = now(
        known(
            at_ns=now_ns,
            lives=[live(late, at_ns=now_ns)],
            recent=[fine, *lossy],
            window=window(MAINTENANCE, total=0),
        )
    )

    assert Condition.EXCLUDED is found.condition
    assert found.headline.startswith("EXCLUDED until 04:00:00 by root: maintenance; ")
    assert "; losing since 03:06:14 (" in found.headline
    assert found.headline.endswith(") meanwhile")
    told = lines(found)
    assert "10 % overdue > 5 s on rlp; final at 60 s" == told["now"]
    assert "do" not in told
    assert "03:05:00 excluded until 04:00:00: maintenance (root)" == told["changed"]
    assert (None, None) == (found.burn, found.gone_in_ns)
    assert 0 == nagios.code([found])


def test_excluded_and_well_or_not_measured() -> None:
    """Nothing is said of what goes well; that nothing is seen is."""
    away = live(measuring=False, why_not="token refused", ours=True)
    all_excluded = Evidence(
        consumer="rlp",
        blocks=(),
        states={state: 3 * (state is State.EXCLUDED) for state in State},
        unsure=Tally(0, 0),
        uncounted=0,
    )
    of = replace(window(MAINTENANCE), evidence=(all_excluded,))
    well = now(known(recent=[excluded(cycle("03:07:14"))], window=of))
    blind = now(known(recent=[], lives=[away], window=of))

    assert "EXCLUDED until 04:00:00 by root: maintenance" == well.headline
    assert (
        "99 %/30 d: nothing counted: all cycles are excluded" == lines(well)["budget"]
    )
    meanwhile = "; not measured meanwhile: token refused (ours)"
    assert blind.headline.endswith(meanwhile)


def test_exclusion_that_is_over() -> None:
    """It loses since it began to, though a part of that was excluded."""
    over = replace(MAINTENANCE, to_ns=at("03:06:10"))
    recent = [
        adjudicated(cycle("03:06:14", lost=20), [over]),
        cycle("03:07:14", lost=30),
    ]
    found = now(known(recent=recent, window=window(over)))

    assert "LOSING since 03:05:14 (2 min)" == found.headline
    assert lines(found)["now"].startswith("50 of 600 lost on rlp in 2 cycles")


def test_loss_of_more_than_an_hour() -> None:
    """Cycles are read back for an hour: since when is not known, and does not slide."""
    lossy = [
        cycle(f"{2 + (8 + m) // 60:02}:{(8 + m) % 60:02}:20", lost=30)
        for m in range(60)
    ]
    found = now(known(recent=lossy))

    assert "LOSING for 60 min or longer" == found.headline


def test_our_own_fault_is_not_called_theirs() -> None:
    """A loop that was late is named before anybody looks at the platform."""
    late = {**samples.HEALTH, "loop_lag_max_seconds": 2.3}
    recent = [cycle("03:07:14", name, lost=30) for name in ("rlp", "gateway")]
    told = lines(now(known(recent=recent, lives=[live(health=late)])))

    assert "perhaps: loop lag 2.30 s" == told["mine?"]
    assert "look at this prober first | prober check prod_eu" == told["do"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("gc_pause_max_seconds", 1.3, "collector's pause 1.30 s"),
        ("queue_full_max_seconds", 0.2, "queue full for 200 ms"),
        ("cpu_wait_max_seconds", 2.0, "waited 2.00 s for a CPU"),
        ("rss_bytes", 1.2e9, "own memory 1,200 MB"),
    ],
)
def test_everything_beyond_its_bound_is_held_against_us(
    name: str, value: float, words: str
) -> None:
    """Each figure has a bound of its own; within it, nothing is said of it."""
    beyond = known(lives=[live(health={**samples.HEALTH, name: value})])
    within = known(lives=[live(health={**samples.HEALTH, name: BOUNDS[name].most})])

    assert f"perhaps: {words}" == lines(now(beyond))["mine?"]
    assert lines(now(within))["mine?"].startswith("no: ")


def test_bound_of_memory_is_the_configured_one() -> None:
    """A daemon that may hold two gigabytes is well with one and a half."""
    health = {**samples.HEALTH, "rss_bytes": 1.5e9, RSS_LIMIT: 2e9}
    told = lines(now(known(lives=[live(health=health)])))

    assert told["mine?"].startswith("no: ")


def test_void_cycle() -> None:
    """A cycle that does not count is told with its reason, and helps nobody."""
    void = cycle("03:07:50", state=State.INVALID, reason="our reader was 2.3 s behind")
    found = now(known(recent=[void]))

    assert Condition.UNSURE is found.condition
    assert "CANNOT TELL: our fault, our reader was 2.3 s behind" == found.headline
    assert "our reader was 2.3 s behind" in lines(found)["mine?"]


def test_budget_that_is_spent() -> None:
    """All is well now and the objective is missed: risky things have to wait."""
    found = now(known(window=window(bad=25_000)))

    assert Condition.OVER_BUDGET is found.condition
    assert "99 %/30 d: spent 2.5 times over" == lines(found)["budget"]
    assert lines(found)["do"].startswith("hold risky changes")


def test_own_share_of_the_traffic() -> None:
    """Where the whole Firehose is read it is told what part of it is ours."""
    found = now(known(lives=[live(foreign_rate=995.0)]))

    load = "5.0/s of ours, of 1,000/s that the Firehose brings"
    assert load == lines(found)["load"]
    assert lines(found)["mine?"].endswith("foreign logs seen")


def test_no_objective() -> None:
    """Without one there is no budget, no burn, and loss is told all the same."""
    recent = [cycle("03:07:14", lost=3)]
    found = now(known(window=window(target=None), recent=recent))

    assert Condition.LOSING is found.condition
    assert "no objective" == lines(found)["budget"]
    assert (None, None) == (found.burn, found.budget)


def test_empty_history() -> None:
    """An environment of which nothing is known is no alarm, and has no figures."""
    found = now(
        Known(environment="new", at_ns=samples.NOW, lives=[], recent=[], window=None)
    )

    assert Condition.LEFT is found.condition
    assert "NOT WATCHED" == found.headline
    assert () == found.lines


def test_environment_that_only_began() -> None:
    """Before the first cycle is final nothing has failed, whatever is not yet up."""
    young = live(
        measuring=False,
        why_not="connecting",
        last_cycle_ns=None,
        since_ns=samples.NOW - NS,
    )
    found = now(known(lives=[young], recent=[], window=None))

    assert Condition.STARTING is found.condition
    assert "NO CYCLE YET" == found.headline


def test_few_messages_are_no_percentage() -> None:
    """One of three is told as such: 34 % would say more than is known."""
    late = consumer("rlp", due=3, overdue=1, overdue_since_ns=samples.NOW - 9 * NS)

    told = lines(now(known(lives=[live(late)])))["now"]
    assert "1 of 3 overdue > 5 s on rlp; final at 60 s" == told


def test_consumers_that_are_away_for_one_reason_are_told_in_one_breath() -> None:
    """A reason that all of them have is told once."""
    away = {"connected": False, "detail": "no connection to the agent"}
    found = now(known(lives=[live(consumer("rlp", **away), consumer("v1", **away))]))

    (streams,) = (each for each in found.checks if each.name == "streams")
    assert "rlp and v1 are not attached: no connection to the agent" == streams.words


def test_metrics_of_an_agent_that_cannot_be_read() -> None:
    """It is told beside what else is known of the platform, also when all is well."""
    why = "no connection to the agent's metrics at 10.0.0.1:14824"

    assert why == lines(now(known(lives=[live(unread=(why,))])))["platform"]
    assert "platform" not in lines(now(known()))


def test_worst_first() -> None:
    """Who loses stands before who sees nothing, and that before all that is well."""
    away = live(measuring=False, why_not="refused", retries=3)
    found = [
        now(known()),
        now(known(lives=[away])),
        now(samples.losing()),
        now(replace(known(), window=window(bad=25_000))),
    ]

    order = [each.condition for each in worst_first(found)]
    assert [
        Condition.LOSING,
        Condition.NOT_MEASURED,
        Condition.OVER_BUDGET,
        Condition.OK,
    ] == order
