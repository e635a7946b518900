"""One file for each rule that a configuration can break, with what is said of it.

What is expected stands at the top of each file as comments, `# LINE: PATH: WORDS`.
"""

from pathlib import Path

import pytest

from prober.config import load
from prober.errors import UsageError

FILES = sorted(Path(__file__).with_name("invalid").glob("*.yaml"))
ENVIRON = {"EMPTY": "", "SECRET": "s3cret-of-the-environment"}


def _expected(path: Path) -> list[str]:
    """Return the comments at the top of a file."""
    lines = path.read_text("utf-8", errors="replace").splitlines()
    first = next((i for i, line in enumerate(lines) if line[:2] != "# "), len(lines))
    return [line.removeprefix("# ") for line in lines[:first]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_mistake_is_told_exactly(path: Path) -> None:
    """What is wrong is told with its line and path, what was found and expected."""
    with pytest.raises(UsageError) as caught:
        load(path, environ=ENVIRON)

    told = str(caught.value)
    words = [line.removeprefix(f"{path}:").strip() for line in told.splitlines()[1:]]
    assert _expected(path) == words
    assert "hunter2" not in told
    assert ENVIRON["SECRET"] not in told


def test_all_mistakes_are_told_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    """Mistakes of every stage stand together: YAML, variables, shapes and rules."""
    file = tmp_path / "prober.yaml"
    file.write_text(
        "environments:\n"
        "  prod:\n"
        "    ingress: {agent: {address: nowhere}, stdout: {}}\n"
        "    consumers:\n"
        "      v1: {firehose: {url: 'wss://${NOT_SET}', tokn: x}}\n"
        "    probe: {late_after: 2m}\n"
        "    probe: {every: 1m}\n"
        "    limits: {rate: fast}\n"
    )

    with pytest.raises(UsageError) as caught:
        load(file, environ={})

    title, *lines = str(caught.value).splitlines()
    assert "10 mistakes in the configuration" == title
    places = [line.removeprefix(f"{file}:").split(": ")[:2] for line in lines]
    prod = "environments.prod"
    assert sorted(place[0] for place in places) == [place[0] for place in places]
    assert [
        ["3", f"{prod}.ingress"],
        ["3", f"{prod}.ingress.agent.address"],
        *(["3", f"{prod}.ingress.agent.{n}_file"] for n in ("ca", "cert", "key")),
        ["5", f"{prod}.consumers.v1.firehose.tokn"],
        ["5", f"{prod}.consumers.v1.firehose.url"],
        ["6", f"{prod}.probe"],
        ["7", f"{prod}.probe"],
        ["8", f"{prod}.limits.rate"],
    ] == sorted(places)


def test_inherited_mistake_is_told_once_where_it_stands(tmp_path: Path) -> None:
    """Ten environments that inherit one mistake do not make ten of it."""
    file = tmp_path / "prober.yaml"
    names = "".join(f"  lab{n}: {{reference: {{}}}}\n" for n in range(10))
    file.write_text(f"defaults:\n  probe: {{every: 60}}\nenvironments:\n{names}")

    with pytest.raises(UsageError) as caught:
        load(file)

    assert 1 == str(caught.value).count("expected")
    assert f"{file}:2: defaults.probe.every: found 60;" in str(caught.value)


def test_flood_of_mistakes_is_cut(tmp_path: Path) -> None:
    """Who has hundreds of mistakes reads the first fifty, and their number."""
    file = tmp_path / "prober.yaml"
    keys = "".join(f"setting{n}: 1\n" for n in range(200))
    file.write_text(f"{keys}environments: {{lab: {{reference: {{}}}}}}\n")

    with pytest.raises(UsageError) as caught:
        load(file)

    lines = str(caught.value).splitlines()
    assert (52, "… and 150 more") == (len(lines), lines[-1])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"#" * 300_000, "the file is larger than 256 KiB"),
        (b"", "the file is empty; `prober init` writes one"),
        (b"\xff\xfee\x00", "a byte that is not UTF-8: save it as UTF-8"),
        (b"[" * 100_000, "values nested more than 32 levels deep"),
        (b"a: &a {<<: *a}", "more than 10,000 values, or an alias within its anchor"),
    ],
)
def test_file_that_cannot_be_a_configuration(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    """What is too large, empty, binary or a bomb is refused before it costs much."""
    file = tmp_path / "prober.yaml"
    file.write_bytes(content)

    with pytest.raises(UsageError) as caught:
        load(file)

    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("nowhere.yaml", "No such file or directory"), (".", "Is a directory")],
)
def test_file_that_cannot_be_read(tmp_path: Path, name: str, reason: str) -> None:
    """A file that was named and is not there is one sentence."""
    with pytest.raises(UsageError) as caught:
        load(tmp_path / name)

    expected = f"cannot read the configuration {tmp_path / name}: {reason}"
    assert expected == str(caught.value)
