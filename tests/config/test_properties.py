"""What holds of every configuration, valid or not."""

import copy
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import jsonschema
import pytest
import yaml
from hypothesis import example, given, settings

from prober.config import Config, load, sample
from prober.config.reading import MAX_BYTES
from prober.config.schema import schema
from prober.errors import UsageError

ENVIRON = {"SECRET": "s3cret", "HOST": "10.0.0.7"}
SCHEMA = schema()
INVALID = sorted(Path(__file__).with_name("invalid").glob("*.yaml"))


def loaded(content: bytes) -> Config:
    """Load a configuration with that content."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "prober.yaml")
        file.write_bytes(content)
        return load(file, environ=ENVIRON)


def sections(
    needed: dict[str, st.SearchStrategy[Any]] | None = None,
    /,
    **optional: st.SearchStrategy[Any],
) -> st.SearchStrategy[Any]:
    """Return mappings that have what is needed, and any of the rest."""
    return st.fixed_dictionaries(needed or {}, optional=optional)


NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,12}", fullmatch=True)
PATHS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1).map(
        lambda text: text.removeprefix("~")
    ),
    st.sampled_from(["${HOST}/ca.crt", "$${HOST}", "~/ca.crt", "a: b", "# x", "12"]),
).filter(lambda text: text.strip() and "${" not in text.replace("${HOST}", ""))
ADDRESSES = st.sampled_from(
    ["127.0.0.1:3458", "[::1]:1", "${HOST}:8082", "a-b.c:65535"]
)
DURATIONS = st.from_regex(r"[1-9][0-9]{0,2}(\.[0-9]{1,6})?(ms|s|m|h|d)", fullmatch=True)
COUNTS = st.integers(1, 2**53 - 1)
RATES = st.one_of(
    st.integers(1, 10**9),
    st.from_regex(r"[1-9][0-9]{0,5}(\.[0-9]{1,9})?(/s)?", fullmatch=True),
)
TARGETS = st.one_of(
    st.decimals("1.000001", "99.999999", places=6).map(str),
    st.decimals("0.000001", "0.999999", places=6).map(lambda target: f"{target:f}"),
    st.from_regex(r"[1-9][0-9]\.[0-9]{0,17}", fullmatch=True),
    st.from_regex(r"\.0[1-9][0-9]{0,17}", fullmatch=True),
)
FILES = {"ca_file": PATHS, "cert_file": PATHS, "key_file": PATHS}
ENDPOINT = sections(
    {"address": ADDRESSES, **FILES}, server_name=st.sampled_from(["metron", "*.x-y.z"])
)
SECRETS = st.just("${SECRET}")
HTTPS = {
    "ca_file": PATHS,
    "proxy": st.sampled_from(["http://p:3128", "https://me:${SECRET}@p"]),
}
URLS = st.sampled_from(["https://a.b", "https://${HOST}:8443/x", "https://[::1]"])
UAA = st.one_of(
    sections({"url": URLS, "client_id": NAMES, "client_secret": SECRETS}, **HTTPS),
    sections({"url": URLS, "client_id": NAMES, "client_secret_file": PATHS}),
    sections({"url": URLS, "username": NAMES, "password": SECRETS}, client_id=NAMES),
)
TOKENS = st.one_of(
    st.fixed_dictionaries({"uaa": UAA}),
    st.fixed_dictionaries({"token": SECRETS}),
    st.fixed_dictionaries({"token_file": PATHS}),
    st.just({"token_command": ["cf", "oauth-token"]}),
)


def authorised(urls: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Return servers that want a token."""
    return st.builds(lambda a, b: {**a, **b}, sections({"url": urls}, **HTTPS), TOKENS)


CONSUMERS = st.dictionaries(
    NAMES,
    st.one_of(
        sections({"rlp": ENDPOINT}, readers=COUNTS),
        sections({"rlp_gateway": authorised(URLS)}),
        sections({"firehose": authorised(st.just("wss://doppler.x:443"))}),
    ),
    min_size=1,
    max_size=3,
)
INGRESS = st.one_of(
    st.fixed_dictionaries({"agent": ENDPOINT}),
    st.fixed_dictionaries({"routers": st.lists(ENDPOINT, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"stdout": st.sampled_from([None, {}])}),
)
PROBE = sections(
    every=DURATIONS,
    messages=COUNTS,
    size=st.sampled_from([81, "100", "100-2000"]),
    kinds=st.lists(st.sampled_from(["log", "gauge", "event"]), min_size=1, unique=True),
    source_id=st.sampled_from(["prober", "12", "null", "$${x}", "${HOST}", "'\"#"]),
    whole_firehose=st.booleans(),
    late_after=st.just("1ms"),
    worst_burst=st.one_of(COUNTS, st.just("auto")),
)
SETTINGS = {
    "probe": PROBE,
    "run": sections(messages=st.integers(100, 10**9), rate=RATES),
    "limits": sections(rate=RATES, messages=COUNTS),
}
GOAL = sections({"target": TARGETS}, window=DURATIONS)
ENVIRONMENTS = st.one_of(
    sections({"ingress": INGRESS, "consumers": CONSUMERS}, objective=GOAL, **SETTINGS),
    sections({"reference": sections(routers=COUNTS)}, objective=GOAL, **SETTINGS),
)
DOCUMENTS = sections(
    {"environments": st.dictionaries(NAMES, ENVIRONMENTS, min_size=1, max_size=2)},
    defaults=sections(objective=GOAL, **SETTINGS),
)


@settings(max_examples=100, deadline=None)
@given(DOCUMENTS)
def test_valid_configuration_survives_showing(document: dict[str, Any]) -> None:
    """What is shown loads to the very same, and shows the same again."""
    first = loaded(yaml.safe_dump(document, allow_unicode=True).encode())
    again = loaded(first.show().encode())

    assert first.environments == again.environments
    assert first.show() == again.show()
    assert ENVIRON["SECRET"] not in first.show()


@settings(max_examples=40, deadline=None)
@given(DOCUMENTS)
def test_valid_configuration_fits_the_schema(document: dict[str, Any]) -> None:
    """What loads, editors do not complain of."""
    loaded(yaml.safe_dump(document).encode())

    jsonschema.validate(document, SCHEMA)


def test_sample_fits_the_schema() -> None:
    """Nor of what `prober init` writes."""
    jsonschema.validate(yaml.safe_load(sample()), SCHEMA)


@pytest.mark.parametrize(
    "name", ["key_misspelt", "ingress_of_two", "count_zero", "environment_name"]
)
def test_schema_finds_mistakes(name: str) -> None:
    """Editors find misspelt keys, wrong alternatives and values by themselves."""
    (path,) = (each for each in INVALID if each.stem == name)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(path.read_text()), SCHEMA)


def refused_or_loaded(content: bytes) -> None:
    """Load a document, which is either right or a UsageError and nothing else."""
    try:
        loaded(content)
    except UsageError as error:
        assert str(error).encode()  # noqa: PT017 - it can be printed


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@example(b"a: &a {<<: *a}")
@example(b"%YAML " + b"9" * 5_000 + b".1\n--- a")
@example(b"a: " + b"9" * 5_000)
@example(b'a: "\\U00110000"')
@example(b"? [a]\n: b")
@example(b"<<: 1")
@example(b"!!int x: !!int x")
@example(b"a: .inf\nb: 1e400\nc: 0x1F\nd: 190:20:30.15\ne: 2001-01-01\nf: =")
def test_no_bytes_do_harm(content: bytes) -> None:
    """Whatever the bytes are, they are told as mistakes."""
    refused_or_loaded(content)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner)
    ),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_value_in_any_place_does_harm(data: st.DataObject) -> None:
    """A right document with anything put in the place of anything is told or loads."""
    document = copy.deepcopy(data.draw(DOCUMENTS))
    here: Any = document
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        key = data.draw(st.sampled_from(keys))
        inner = here[key]
        if not (isinstance(inner, dict | list) and inner and data.draw(st.booleans())):
            break
        here = inner
    here[key] = data.draw(VALUES)
    refused_or_loaded(yaml.safe_dump(document, allow_unicode=True).encode())


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(INVALID), st.data())
def test_no_cut_or_splice_does_harm(path: Path, data: st.DataObject) -> None:
    """Files cut short anywhere, or with a byte put in, are told or load."""
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content)))
    byte = data.draw(
        st.sampled_from([b"", b"\t", b":", b"- ", b"\n", b"&a ", b"*a", b"${"])
    )

    refused_or_loaded(content[:at] + byte + content[at:])
    refused_or_loaded(content[:at])


def test_largest_file_is_read_in_no_time() -> None:
    """A file as large as may be takes no longer than a person waits."""
    entry = b"  lab%05d: {reference: {}}\n"
    lines = [b"environments:\n", *(entry % n for n in range(3_000))]
    content = b"".join(lines)

    assert len(content) < MAX_BYTES
    assert 3_000 == len(loaded(content).environments)
