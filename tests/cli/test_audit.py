"""`prober audit` as people call it: a run's report, and what an archive has of it."""

import gzip
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from prober.cli import cli
from prober.clock import NS
from prober.ingress.envelopes import Encoder
from prober.plan import Plan, Sizes
from prober.records import Kind
from prober.report import build
from prober.report.json import render
from prober.rpc.loggregator_v2.envelope_pb2 import EnvelopeBatch
from prober.stamp import Mark
from tests.cli.test_run import prober
from tests.report import samples

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "reports/schema/audit.v1.json").read_text("utf-8")
)
RUN = "k3v9x2m4q7a"
PLAN = Plan(
    messages=100,
    cycles=10,
    rate=None,
    sizes=Sizes(low=100, high=100),
    kinds=(Kind.LOG,),
    source_id="prober",
    seed=7,
)
NOW_NS = 1_800_000_000 * NS


def report(tmp_path: Path, **cycles: Mapping[str, Any]) -> str:
    """The report of a run of a hundred logs, `c3={"ambiguous": 2}` for cycle 3."""
    seen = samples.consumer(
        samples.cycle(
            index,
            10,
            accepted=10 - sum(cycles.get(f"c{index}", {}).values()),
            **cycles.get(f"c{index}", {}),
        )
        for index in range(10)
    )
    run = samples.run(samples.plan(100, 10), seen, run_id=RUN)
    path = tmp_path / "run.json"
    path.write_text(render(build(run, None)))
    return str(path)


def logs(*without: int, edges: bool = True) -> bytes:
    """What an archive has of the run, line by line."""
    encoder = Encoder(RUN, PLAN)
    raws = [encoder.aid(Mark.PRIMER, 0, NOW_NS)] if edges else []
    raws += [
        encoder.messages(PLAN.span_of(index), index, NOW_NS) for index in range(10)
    ]
    raws += [encoder.aid(Mark.TRAILER, 0, NOW_NS)] if edges else []
    lines = [
        each.log.payload for raw in raws for each in EnvelopeBatch.FromString(raw).batch
    ]
    gone = {each + edges for each in without}
    return b"\n".join(each for at, each in enumerate(lines) if at not in gone)


def audit(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    """Run the command; return exit code, standard output and error."""
    done = CliRunner().invoke(
        cli, ["audit", *arguments], input=io.BytesIO(stdin), standalone_mode=False
    )
    if done.exception is not None:
        raise done.exception
    return done.return_value, done.stdout, done.stderr


def document(text: str) -> dict[str, Any]:
    """Read a document, and hold it to its schema."""
    told: dict[str, Any] = json.loads(text)
    jsonschema.Draft202012Validator(SCHEMA).validate(told)
    return told


def test_schema_is_a_schema() -> None:
    """The published schema is valid itself."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_everything_reached_the_archive(tmp_path: Path) -> None:
    """A whole export is told as a consumer that lost nothing, and exits with 0."""
    code, out, _ = audit(report(tmp_path), "--slo", "99", stdin=logs())

    assert 0 == code
    assert "WITHIN BUDGET: none of 100 probe messages lost or damaged" in out
    assert "export         100    100        0        0           0" in out
    assert "so all of it is in" in out


def test_missing_ranges_exceed_the_objective(tmp_path: Path) -> None:
    """What is missing is told as ranges, and held against the objective."""
    path = tmp_path / "export.gz"
    path.write_bytes(gzip.compress(logs(7, 30, 31, 32)))
    code, out, _ = audit(report(tmp_path), str(path), "--slo", "99")

    assert 1 == code
    assert "OVER BUDGET: 4 of 100 probe messages lost or damaged" in out
    assert "missing   7; 30-32 (3)" in out


def test_document(tmp_path: Path) -> None:
    """`--json` writes the same as a document, alone on standard output."""
    arguments = (report(tmp_path), "--json", "--slo", "99.9")
    code, out, err = audit(*arguments, stdin=logs(7) + b"\n" + logs(7))

    told = document(out)
    assert (1, "violated") == (code, told["verdict"]["state"])
    assert (100, 99, 1, 99) == tuple(
        told["counts"][each] for each in ("accepted", "found", "missing", "duplicates")
    )
    assert [{"first": 7, "count": 1}] == told["missing"]
    assert ["standard input"] == told["export"]["files"]
    assert "loss" == told["cycles"][0]["state"]
    assert "OVER BUDGET" in err


def test_several_files_are_one_export(tmp_path: Path) -> None:
    """What is in any of the files is found."""
    halves = logs().split(b"\n")
    for name, lines in (("a", halves[:50]), ("b", halves[50:])):
        (tmp_path / name).write_bytes(b"\n".join(lines))
    files = (str(tmp_path / "a"), str(tmp_path / "b"))
    code, out, _ = audit(report(tmp_path), *files, "--slo", "99")

    assert 0 == code
    assert f"{files[0]}, {files[1]}: {len(logs()) - 1:,} bytes" in out


def test_unknown_acceptance_is_told_apart(tmp_path: Path) -> None:
    """Where a writer's stream broke, the archive is not blamed for what it lacks."""
    arguments = (report(tmp_path, c3={"ambiguous": 2}), "--json")
    _, out, _ = audit(*arguments, stdin=logs(30, 31))

    told = document(out)
    assert ("inconclusive", "8 of 10 accepted, or more") == (
        told["cycles"][3]["state"],
        told["cycles"][3]["reason"],
    )
    assert (2, 0) == (told["counts"]["unknown"], told["valid"]["bad"])


def test_refused_messages_are_not_missing(tmp_path: Path) -> None:
    """What never left the prober cannot be in an archive."""
    arguments = (report(tmp_path, c3={"rejected": 2}), "--json")
    _, out, _ = audit(*arguments, stdin=logs(30, 31, 35))

    told = document(out)
    assert [] == told["missing"]
    assert (98, 2, 1) == tuple(
        told["counts"][each] for each in ("accepted", "not_accepted", "missing")
    )
    assert "loss" == told["cycles"][3]["state"]


def test_export_that_ends_early_is_not_blamed(tmp_path: Path) -> None:
    """Without what was sent last, a missing tail may lie outside of the export."""
    stdin = logs(*range(80, 100), edges=False)
    code, out, _ = audit(report(tmp_path), "--slo", "99", stdin=stdin)

    assert 3 == code
    assert "CANNOT TELL" in out
    assert "the export may end before the run did" in out


def test_wrong_export_is_no_data(tmp_path: Path) -> None:
    """An export without a single message of the run says so."""
    code, out, _ = audit(report(tmp_path), "--slo", "99", stdin=b"something else")

    assert 3 == code
    assert "not one message of the run is in it: is it the right export?" in out


def test_run_may_be_named_by_its_id(tmp_path: Path) -> None:
    """With `--report`, RUN is the id, and has to be that of the report."""
    path = report(tmp_path)

    assert 0 == audit(RUN, "--report", path, stdin=logs())[0]
    with pytest.raises(Exception, match=f"the report is of run {RUN}, and not of x"):
        audit("x", "--report", path)
    with pytest.raises(Exception, match="or add --report FILE to the run's id"):
        audit(RUN, path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "there is no report .*run.json': name the file that"),
        ("no JSON", "is not a report of prober: give what prober run --json wrote"),
        ("[]", "is not a report of prober"),
        ('{"schema": "prober.report/v1"}', "is not a report of prober"),
        ('{"schema": "prober.report/v2"}', "is prober.report/v2, and not"),
    ],
)
def test_file_that_is_no_report(
    tmp_path: Path, text: str | None, sentence: str
) -> None:
    """A report that cannot be read is named, with what to give instead."""
    path = tmp_path / "run.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(Exception, match=sentence):
        audit(str(path))


def test_report_that_does_not_add_up_is_none_of_ours(tmp_path: Path) -> None:
    """Cycles that are not those of the plan are not believed."""
    path = Path(report(tmp_path))
    told = json.loads(path.read_text())
    told["cycles"][3]["first"] += 1
    path.write_text(json.dumps(told))

    with pytest.raises(Exception, match="is not a report of prober"):
        audit(str(path))


def test_missing_export_exits_2_with_one_sentence(tmp_path: Path) -> None:
    """As a process: usage errors are a sentence and the exit code 2."""
    done = prober("audit", report(tmp_path), "/nowhere/export")

    expected = "prober: cannot read /nowhere/export: No such file or directory\n"
    assert (2, "", expected) == (done.returncode, done.stdout, done.stderr)


def test_run_and_audit_agree(tmp_path: Path) -> None:
    """What a run's own report says fits an export of the same messages."""
    path = tmp_path / "run.json"
    prober("run", "--messages", "50", "--cycles", "5", "--json", str(path), "--quiet")
    told = json.loads(path.read_text())
    plan = Plan(
        messages=50,
        cycles=5,
        rate=None,
        sizes=Sizes(low=100, high=100),
        kinds=(Kind.LOG,),
        source_id="prober",
        seed=told["run"]["seed"],
    )
    encoder = Encoder(told["run"]["id"], plan)
    raws = [encoder.messages(plan.span_of(at), at, NOW_NS) for at in range(5)]

    code, out, _ = audit(str(path), "--slo", "99", stdin=b"".join(raws))

    assert 0 == code
    assert "none of 50 probe messages lost or damaged" in out
