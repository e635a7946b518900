"""What a configuration means once it is loaded."""

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from prober.clock import NS
from prober.config import Config, find, load, sample
from prober.errors import UsageError
from prober.plan import Sizes
from prober.records import Kind, Tls

SECRET = "s3cret-of-the-environment"  # noqa: S105 - what must not be shown
PRODUCT = """
environments:
  prod_eu:
    ingress:
      agent: {address: 127.0.0.1:3458, server_name: metron, ca_file: ca.crt, \
cert_file: tls/client.crt, key_file: /etc/client.key}
    consumers:
      rlp:     {rlp: {address: 10.0.0.7:8082, server_name: reverselogproxy, \
ca_file: ca.crt, cert_file: tls/client.crt, key_file: /etc/client.key}}
      gateway: {rlp_gateway: {url: https://log-stream.sys.example.com, uaa: {url: \
https://uaa.sys.example.com, client_id: prober, client_secret_file: secret}}}
      v1:      {firehose: {url: wss://doppler.sys.example.com:443, uaa: {url: \
https://uaa.sys.example.com, client_id: prober, client_secret: "${UAA_SECRET}"}}}
    objective: {target: "99", window: 30d}
    probe: {every: 1m, messages: 300}        # one tick = one cycle
    limits: {rate: 1000/s, messages: 100000}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a test's configuration lies."""
    return tmp_path / "prober.yaml"


def loaded(file: Path, text: str, **environ: str) -> Config:
    """Write a configuration and load it."""
    file.write_text(text)
    return load(file, environ=environ)


def lab(file: Path, settings: str, **environ: str) -> Any:  # noqa: ANN401 - an environment
    """Load an environment on the bundled stack with a few settings of its own."""
    text = f"environments:\n  lab:\n    reference:\n    {settings}\n"
    return loaded(file, text, **environ).environment("lab")


def test_product_example_means_what_it_says(file: Path, tmp_path: Path) -> None:
    """The example of an environment loads, its parts as the layers below take them."""
    prod = loaded(file, PRODUCT, UAA_SECRET=SECRET).environment("prod_eu")

    (agent,) = prod.ingress.endpoints if prod.ingress else ()
    assert "127.0.0.1:3458" == agent.address
    assert agent.tls == Tls(
        ca_file=str(tmp_path / "ca.crt"),
        cert_file=str(tmp_path / "tls/client.crt"),
        key_file="/etc/client.key",
        server_name="metron",
    )
    assert ["rlp", "gateway", "v1"] == list(prod.consumers)
    v1 = prod.consumers["v1"].firehose
    assert v1 is not None
    assert "wss://doppler.sys.example.com:443" == v1.url
    assert v1.uaa is not None
    assert ("prober", SECRET) == (v1.uaa.client_id, v1.uaa.read_client_secret())
    assert prod.objective is not None
    assert (Decimal("0.99"), 30 * 86_400 * NS) == (
        prod.objective.target,
        prod.objective.window,
    )
    assert (60 * NS, 300) == (prod.probe.every, prod.probe.messages)
    assert prod.limits is not None
    assert (Fraction(1000), 100_000) == (prod.limits.rate, prod.limits.messages)


def test_defaults_of_a_deployed_environment(file: Path) -> None:
    """What is not said is the product's column for an environment."""
    text = PRODUCT.split("    objective:", maxsplit=1)[0]
    prod = loaded(file, text, UAA_SECRET=SECRET).environment("prod_eu")

    assert prod.objective is None
    assert (10_000, 100, Fraction(200)) == (
        prod.run.messages,
        prod.run.cycles,
        prod.run.rate,
    )
    assert (60 * NS, 300) == (prod.probe.every, prod.probe.messages)
    assert (5 * NS, 60 * NS) == (
        prod.probe.deadlines.late_after_ns,
        prod.probe.deadlines.lost_after_ns,
    )
    assert (Sizes(low=100, high=100), (Kind.LOG,)) == (
        prod.probe.size,
        prod.probe.kinds,
    )
    assert ("prober", False, 1_000) == (
        prod.probe.source_id,
        prod.probe.whole_firehose,
        prod.probe.worst_burst,
    )
    assert prod.limits is not None
    assert (Fraction(1000), 100_000) == (prod.limits.rate, prod.limits.messages)


def test_defaults_of_the_bundled_stack(file: Path) -> None:
    """It is nobody else's: ten times the rate, a shorter wait, and no limits."""
    found = lab(file, "")

    assert (1, "loggregator") == (found.reference.routers, found.reference.profile)
    assert (10_000, 100, Fraction(2000)) == (
        found.run.messages,
        found.run.cycles,
        found.run.rate,
    )
    assert (5 * NS, 100, 10 * NS) == (
        found.probe.every,
        found.probe.messages,
        found.probe.lost_after,
    )
    assert found.limits is None
    assert {} == found.consumers


def test_environments_inherit_setting_by_setting(file: Path) -> None:
    """An environment's own settings win, the defaults' fill in, ours come last."""
    config = loaded(
        file,
        """
        defaults:
          objective: {target: "99.9", window: 7d}
          probe: {every: 10s, messages: 50}
        environments:
          a: {reference: {}, probe: {messages: 60}}
          b: {reference: {}, objective: {target: "99"}}
          c: {reference: {}, probe: , objective: {window: 1d}}
        """,
    )

    probes = {name: each.probe for name, each in config.environments.items()}
    goals = {name: each.objective for name, each in config.environments.items()}
    assert {"a": 60, "b": 50, "c": 50} == {n: p.messages for n, p in probes.items()}
    assert {10 * NS} == {probe.every for probe in probes.values()}
    assert {10 * NS} == {probe.lost_after for probe in probes.values()}
    assert [("0.999", 7), ("0.99", 7), ("0.999", 1)] == [
        (str(goal.target), goal.window // (86_400 * NS))
        for goal in goals.values()
        if goal
    ]


def test_few_messages_make_as_many_cycles(file: Path) -> None:
    """A run of fewer than a hundred messages has a cycle for each."""
    assert 7 == lab(file, "run: {messages: 7}").run.cycles


def test_anchors_and_merges_are_plain_yaml(file: Path) -> None:
    """What is written once may be used twice; own keys win over merged ones."""
    config = loaded(
        file,
        """
        environments:
          a:
            reference: &stack {routers: 2}
            probe: &probe {every: 7s, messages: 7}
          b:
            reference: *stack
            probe: {<<: [*probe, {every: 9s, late_after: 1s}], messages: 8}
        """,
    )

    b = config.environment("b")
    assert b.reference is not None
    assert 2 == b.reference.routers
    assert (7 * NS, 8, NS) == (b.probe.every, b.probe.messages, b.probe.late_after)


def test_names_are_texts_whatever_yaml_makes_of_them(file: Path) -> None:
    """An environment may be called `no`, `on` or `7`: Norway has one, too."""
    text = "".join(f"  {name}: {{reference: {{}}}}\n" for name in ("no", "on", "7"))

    assert ["no", "on", "7"] == list(
        loaded(file, f"environments:\n{text}").environments
    )


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${A}", "one"),
        ("x-${A}${B}-y", "x-onetwo-y"),
        ("$${A}", "${A}"),
        ("$A", "$A"),
        ("${C}", "${A}"),
    ],
)
def test_variables_stand_in_texts(file: Path, written: str, value: str) -> None:
    """Each is put in once; what a variable holds is not looked at again."""
    found = lab(file, f"probe: {{source_id: '{written}'}}", A="one", B="two", C="${A}")

    assert value == found.probe.source_id


@pytest.mark.parametrize("injected", ["x,messages:7", "x}", "*a", "!!python/none"])
def test_variables_are_never_yaml(file: Path, injected: str) -> None:
    """Whatever a variable holds is one text, and part of no other setting."""
    found = lab(file, "probe: {source_id: '${A}'}", A=injected)

    assert (injected, 100) == (found.probe.source_id, found.probe.messages)


def test_what_a_variable_holds_is_not_told(file: Path) -> None:
    """A mistake names the variable, even where what it holds is what is wrong."""
    with pytest.raises(UsageError) as caught:
        lab(file, "probe: {source_id: '${A}'}", A="two words\nrun: {messages: 7}")

    assert "found '${A}' (from the environment); expected" in str(caught.value)
    assert "two words" not in str(caught.value)


def test_secrets_are_never_shown(file: Path) -> None:
    """Neither repr nor `config show` nor plain data has them, only their names."""
    config = loaded(file, PRODUCT, UAA_SECRET=SECRET)

    for shown in (repr(config), config.show(), json.dumps(config.effective)):
        assert SECRET not in shown
    assert "client_secret: ${UAA_SECRET}" in config.show()


def test_secret_files_are_read_at_use(file: Path, tmp_path: Path) -> None:
    """A renewed secret is used at once; the file is no matter of loading."""
    gateway = (
        loaded(file, PRODUCT, UAA_SECRET=SECRET)
        .environment("prod_eu")
        .consumers["gateway"]
        .rlp_gateway
    )
    assert gateway is not None
    assert gateway.uaa is not None
    with pytest.raises(
        UsageError, match=r"cannot read the secret in .*secret: No such"
    ):
        gateway.uaa.read_client_secret()
    for secret in ("first\n", "second"):
        (tmp_path / "secret").write_text(secret)

        assert secret.strip() == gateway.uaa.read_client_secret()


@pytest.mark.parametrize("content", [b"", b" \n", b"x" * 70_000, b"\xff"])
def test_secret_file_without_a_secret(
    file: Path, tmp_path: Path, content: bytes
) -> None:
    """An empty, huge or binary file is told by its name, not by what is in it."""
    prod = loaded(file, PRODUCT, UAA_SECRET=SECRET).environment("prod_eu")
    gateway = prod.consumers["gateway"].rlp_gateway
    assert gateway is not None
    assert gateway.uaa is not None
    (tmp_path / "secret").write_bytes(content)

    with pytest.raises(UsageError, match=r"secret( holds no|: it is not UTF-8)"):
        gateway.uaa.read_client_secret()


def test_tokens_come_in_four_ways(file: Path) -> None:
    """A user's password, a token, a file or a command do as well as a client."""
    kinds = (
        "uaa: {url: https://uaa.example.com, username: me, password: '${PW}'}",
        "token: '${PW}'",
        "token_file: token",
        "token_command: [cf, oauth-token]",
    )
    gateways = "".join(
        f"      g{n}: {{rlp_gateway: {{url: 'https://g.example.com', {kind}}}}}\n"
        for n, kind in enumerate(kinds)
    )
    text = f"environments:\n  a:\n    ingress: {{stdout: }}\n    consumers:\n{gateways}"
    consumers = loaded(file, text, PW=SECRET).environment("a").consumers
    user, static, in_file, command = (c.rlp_gateway for c in consumers.values())

    assert user is not None
    assert user.uaa is not None
    assert ("cf", "", "me", SECRET) == (
        user.uaa.client_id,
        user.uaa.read_client_secret(),
        user.uaa.username,
        user.uaa.read_password(),
    )
    assert static is not None
    assert SECRET == static.read_token()
    (file.parent / "token").write_text("bearer abc\n")
    assert in_file is not None
    assert "bearer abc" == in_file.read_token()
    assert command is not None
    assert ("cf", "oauth-token") == command.token_command


@pytest.mark.parametrize(
    ("way", "names"),
    [
        ("agent: {0}", ["metron"]),
        ("agents: [{0}, {0}]", ["metron", "metron"]),
        ("router: {0}", ["doppler"]),
        ("routers: [{0}, {0}]", ["doppler", "doppler"]),
        ("stdout: {{}}", []),
    ],
)
def test_ways_in(file: Path, way: str, names: list[str]) -> None:
    """Agents and routers are endpoints, whose certificates name the component."""
    files = "ca_file: a, cert_file: b, key_file: c"
    end = f"{{address: 'h:1', {files}}}"
    text = (
        f"environments:\n  a:\n    ingress: {{{way.format(end)}}}\n"
        f"    consumers: {{rlp: {{rlp: {end}}}}}\n"
    )
    environment = loaded(file, text).environment("a")

    assert environment.ingress is not None
    endpoints = environment.ingress.endpoints
    assert names == [each.tls.server_name for each in endpoints]


def test_proxy_may_have_a_password_from_the_environment(file: Path) -> None:
    """Only literal passwords are refused."""
    text = PRODUCT.replace(
        "rlp_gateway: {", "rlp_gateway: {proxy: 'http://me:${PW}@proxy:3128', "
    )
    config = loaded(file, text, UAA_SECRET=SECRET, PW="pw-of-the-proxy")
    gateway = config.environment("prod_eu").consumers["gateway"].rlp_gateway

    assert gateway is not None
    assert "http://me:pw-of-the-proxy@proxy:3128" == gateway.proxy
    assert "pw-of-the-proxy" not in config.show() + repr(config)


@pytest.mark.parametrize(
    ("written", "store", "shown"),
    [
        ("history.sqlite", "{folder}/history.sqlite", "{folder}/history.sqlite"),
        ("/var/h.sqlite", "/var/h.sqlite", "/var/h.sqlite"),
        (
            "sqlite:////var/h.sqlite",
            "sqlite:////var/h.sqlite",
            "sqlite:////var/h.sqlite",
        ),
        ("postgresql://a:${PW}@db/p", "postgresql://a:s3cret@db/p", "//a:${PW}@db/p"),
        ("${URL}", "postgresql://a:s3cret@db/p", "store: ${URL}"),
        ("${PW}/h.sqlite", "{folder}/s3cret/h.sqlite", "{folder}/${PW}/h.sqlite"),
    ],
)
def test_where_history_is_kept(
    file: Path, written: str, store: str, shown: str
) -> None:
    """A path begins where the file lies; a password is one of the environment's."""
    text = f"store: {written}\nenvironments: {{lab: {{reference: {{}}}}}}\n"
    config = loaded(file, text, PW="s3cret", URL="postgresql://a:s3cret@db/p")

    folder = str(file.parent)
    assert store.replace("{folder}", folder) == config.store
    assert shown.replace("{folder}", folder) in config.show()
    assert "s3cret" not in config.show() + repr(config)


def test_unknown_environment_names_the_nearest(file: Path) -> None:
    """Who misspells an environment is told which one it may have been."""
    config = loaded(file, PRODUCT, UAA_SECRET=SECRET)

    with pytest.raises(UsageError) as caught:
        config.environment("prod_ue")
    expected = f"there is no environment 'prod_ue' in {file}: did you mean prod_eu?"
    assert f"{expected} It has prod_eu" == str(caught.value)


def test_files_are_found_in_order_and_never_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one named comes first, then the working directory's, then the user's."""
    home = tmp_path / "home"
    users = home / "prober" / "prober.yaml"
    users.parent.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))

    assert find() is None
    with pytest.raises(UsageError, match="write one with `prober init`"):
        load()
    users.write_text("environments: {users: {reference: {}}}")
    assert ["users"] == list(load().environments)
    Path("prober.yaml").write_text("environments: {here: {reference: {}}}")
    assert ["here"] == list(load().environments)
    Path("named.yaml").write_text("environments: {named: {reference: {}}}")
    assert ["named"] == list(load("named.yaml").environments)


def test_sample_runs_on_the_bundled_stack(file: Path) -> None:
    """What `prober init` writes is an environment on the bundled stack."""
    environment = loaded(file, sample()).environment("reference")

    assert environment.reference is not None
    assert environment.objective is not None


def test_sample_is_right_about_a_foundation(file: Path) -> None:
    """The example in its comments loads once the hashes are removed."""
    lines = sample().splitlines()
    start = lines.index("  # prod_eu:")
    example = [line.replace("  # ", "  ", 1) for line in lines[start:]]
    text = "\n".join(["environments:", *example])
    prod = loaded(file, text, PROBER_SECRET=SECRET).environment("prod_eu")

    assert ["rlp", "gateway", "v1"] == list(prod.consumers)
