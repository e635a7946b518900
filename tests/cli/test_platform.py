"""Loggregator's own counters in the result of `prober run`."""

from tests.cli.test_run import document, prober, reference


def test_drops_of_a_router_are_told_beside_the_loss() -> None:
    """What a deployed router counted as dropped stands in screen and document."""
    plan = ("--messages", "4000", "--rate", "4000/s", "--late-after", "1s", "--yes")
    with reference("--subscription-buffer", "200") as ends:
        done = prober("run", *plan, "--lost-after", "2s", "--json", "-", *ends)

    told = document(done.stdout)
    lost = told["consumers"][0]["counts"]["lost"]
    assert lost > 0
    assert {"router egress": lost, "router ingress": 0} == {
        f"{each['component']} {each['direction']}": each["increase"]
        for each in told["platform"]["counters"]
        if each["component"] == "router"
    }
    assert f"router egress drops rose by {lost:,} from" in done.stderr
    assert f"evidence, no proof: enough for the {lost:,} lost" in done.stderr
