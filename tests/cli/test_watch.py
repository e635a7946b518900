"""What `prober watch` is asked to do: from the configuration to what is watched."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from prober.cli import cli
from prober.cli.watching import reloader, wanted
from prober.clock import NS
from prober.errors import UsageError
from prober.watch.watched import Watched

FILE = """\
store: history.sqlite
watch: {listen: 127.0.0.1:0, grace: 3s}
environments:
  east: {reference: {}, objective: {target: "99.90"}, probe: {every: 1m, messages: 300}}
  west: {reference: {}, probe: {control: 2}}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration of two environments, in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "prober.yaml"
    path.write_text(FILE)
    return path


def watch(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(cli, ["watch", *arguments], catch_exceptions=False)


def test_everything_of_the_configuration(file: Path) -> None:
    """Without names it is all environments, as the file has them."""
    found = wanted(str(file), [])

    east, west = found.watched
    assert ("east", "west") == (east.name, west.name)
    assert ("127.0.0.1:0", 3 * NS, False) == (found.listen, found.grace_ns, found.demo)
    assert ("99.9", None) == (east.target, west.target)
    assert (60 * NS, 300) == (east.every_ns, east.sample.messages)
    assert (5 * NS, 100, 2) == (
        west.every_ns,
        west.sample.messages,
        west.sample.control,
    )
    plan = east.plan(cycles=None, seed=1)
    assert 5 == plan.rate
    assert plan.cycles * 300 == plan.messages


def test_environments_that_are_named(file: Path) -> None:
    """Who names some watches those, each once."""
    found = wanted(str(file), ["west", "west"])

    assert ["west"] == [each.name for each in found.watched]


def test_unknown_environment(file: Path) -> None:
    """A slip of the pen is told with what is near, and nothing is started."""
    with pytest.raises(UsageError, match="did you mean east"):
        watch("--config", str(file), "easst")


def test_bundled_stack_without_a_configuration(file: Path) -> None:
    """Who has no file watches the bundled stack: a hundred every five seconds."""
    file.unlink()
    found = wanted(None, [])

    (stack,) = found.watched
    assert found.demo
    assert (5 * NS, 100) == (stack.every_ns, stack.sample.messages)


def test_environment_without_a_configuration(file: Path) -> None:
    """A name needs a file that has it."""
    file.unlink()
    with pytest.raises(UsageError, match="there is no configuration in"):
        watch("prod_eu")


def test_reload_finds_what_changed(file: Path) -> None:
    """An environment that was touched is another, the rest is the same."""
    first = wanted(str(file), [])
    file.write_text(FILE.replace("messages: 300", "messages: 301"))
    east, west = reloader(str(file), [], first)()

    assert first.watched[0] != east
    assert first.watched[1] == west


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ("", 1_000),
        ("worst_burst: auto, ", 1_000),
        ("worst_burst: auto, messages: 1200, ", 2_400),
        ("worst_burst: 40, messages: 1200, ", 40),
    ],
)
def test_most_that_one_drop_can_cost(file: Path, probe: str, expected: int) -> None:
    """By default a router's ring; `auto` knows what two unseen minutes cost, too."""
    text = f"environments: {{lab: {{reference: {{}}, probe: {{{probe}every: 1m}}}}}}"
    file.write_text(text)
    (lab,) = wanted(str(file), []).watched

    assert expected == lab.worst_burst


def test_reload_finds_other_files(tmp_path: Path) -> None:
    """Certificates that are named anew are those whose end is told from then on."""
    agent = "{address: 'a:1', ca_file: ca, cert_file: one.crt, key_file: key}"
    rlp = "{address: 'b:1', ca_file: ca, cert_file: one.crt, key_file: key}"
    path = tmp_path / "prober.yaml"
    prod = f"{{ingress: {{agent: {agent}}}, consumers: {{rlp: {{rlp: {rlp}}}}}}}"
    path.write_text(f"environments: {{prod: {prod}}}")
    first = wanted(str(path), [])
    path.write_text(path.read_text().replace("one.crt", "two.crt"))
    (after,) = reloader(str(path), [], first)()

    def names(watched: Watched) -> list[str]:
        return [Path(each.path).name for each in watched.certificates]

    assert ["one.crt", "ca"] == names(first.watched[0])
    assert ["two.crt", "ca"] == names(after)


def test_reload_finds_another_bound_of_memory(file: Path) -> None:
    """What the daemon may hold is a setting that a reload applies, to all."""
    first = wanted(str(file), [])
    file.write_text(FILE.replace("grace: 3s", "grace: 3s, max_memory: 2GB"))
    found = reloader(str(file), [], first)()

    assert {1_000_000_000} == {each.most_memory for each in first.watched}
    assert {2_000_000_000} == {each.most_memory for each in found}
    assert [*first.watched] != [*found]


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        ("127.0.0.1:0", "127.0.0.1:1", "watch.listen"),
        ("grace: 3s", "grace: 4s", "watch.grace"),
        ("history.sqlite", "another.sqlite", "store"),
    ],
)
def test_reload_refuses_what_cannot_change(
    file: Path, before: str, after: str, name: str
) -> None:
    """A port, or a history, is changed by a restart: it is said which setting it is."""
    first = wanted(str(file), [])
    file.write_text(FILE.replace(before, after))

    with pytest.raises(UsageError) as caught:
        reloader(str(file), [], first)()
    assert f"{name} cannot change while prober watch runs: restart it" == str(
        caught.value
    )


def test_reload_of_an_environment_that_is_gone(file: Path) -> None:
    """Who named one, and took it out of the file, is told; all goes on."""
    first = wanted(str(file), ["west"])
    file.write_text("\n".join(FILE.splitlines()[:-1]))

    with pytest.raises(UsageError, match="there is no environment 'west'"):
        reloader(str(file), ["west"], first)()


def test_listening_where_somebody_does(file: Path) -> None:
    """An address that was asked for and is taken is one sentence."""
    from prober.watch.serving import address_of, listen

    with (
        listen("127.0.0.1:0") as taken,
        pytest.raises(UsageError, match="name another with --listen HOST:PORT"),
    ):
        watch("--config", str(file), "--listen", address_of(taken))
