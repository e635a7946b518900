"""The file as a whole: environments, what they inherit, and what the daemon does."""

from collections.abc import Mapping

from pydantic import Field

from prober.bounds import MEMORY_BYTES
from prober.clock import NS
from prober.config import scalars
from prober.config.models import (
    Choice,
    Environment,
    Https,
    Limits,
    Objective,
    Probe,
    Run,
    Section,
    read_secret,
)


class Defaults(Section):
    """What every environment has that does not say otherwise, setting by setting."""

    objective: Objective | None = Field(default=None, description="see environments")
    probe: Probe | None = Field(default=None, description="see environments")
    run: Run | None = Field(default=None, description="see environments")
    limits: Limits | None = Field(default=None, description="see environments")


class PageTls(Section):
    """The page's own certificate, and whose it asks for."""

    cert_file: scalars.File = Field(description="the page's certificate")
    key_file: scalars.File = Field(description="its key")
    client_ca_file: scalars.File | None = Field(
        default=None, description="who reads shows a certificate of this authority"
    )


class Watch(Section):
    """How the daemon serves, and leaves."""

    listen: scalars.Listen = Field(
        default="127.0.0.1:9610",
        description="where page, metrics and health are served, HOST:PORT",
    )
    grace: scalars.Duration = Field(
        default=10 * NS,
        description="how long open cycles are waited for when it is to leave",
    )
    max_memory: scalars.Bytes = Field(
        default=MEMORY_BYTES,
        description="what the daemon measures while it holds more memory is void, and "
        "says so",
    )
    auth_file: scalars.File | None = Field(
        default=None,
        description="lines of user:hash: the page, its API and metrics ask for these",
    )
    tls: PageTls | None = Field(default=None, description="serve them over TLS")


class AlertReceiver(Https):
    """A server that alerts are posted to."""

    choices = (
        Choice(names=("password", "password_file"), when="username"),
        Choice(names=("password", "password_file"), least=0, most=0, unless="username"),
    )

    url: scalars.WebUrl = Field(description="where it is, as http://127.0.0.1:9093")
    username: scalars.Text | None = Field(
        default=None, description="the user of its basic authentication"
    )
    password: scalars.Secret | None = Field(
        default=None,
        description="the user's password, ${NAME} of an environment variable",
    )
    password_file: scalars.File | None = Field(
        default=None, description="the file that holds the user's password"
    )

    def read_password(self) -> str:
        """Return the user's password as it is now."""
        return read_secret(self.password, self.password_file)


class Alerts(Section):
    """Who is told when the error budget burns, or nothing is measured."""

    alertmanager: AlertReceiver | None = Field(
        default=None, description="an Alertmanager, told every minute"
    )
    webhook: AlertReceiver | None = Field(
        default=None,
        description="a receiver of Alertmanager's webhooks, at its whole URL, told of "
        "changes",
    )
    labels: Mapping[scalars.LabelName, scalars.Text] = Field(
        default_factory=dict, description="labels that every alert gets besides"
    )


class File(Section):
    """The whole of prober.yaml."""

    defaults: Defaults = Field(
        default_factory=Defaults,
        description="what environments inherit, setting by setting",
    )
    environments: Mapping[scalars.Name, Environment] = Field(
        min_length=1, description="what is probed, by names of your choice"
    )
    watch: Watch = Field(
        default_factory=Watch, description="how the daemon serves, and leaves"
    )
    alerts: Alerts = Field(default_factory=Alerts, description="who is told of alerts")
    store: scalars.Store | None = Field(
        default=None,
        repr=False,
        description="where history is kept: a file, or a database that several share; "
        "else in the user's data directory",
    )
