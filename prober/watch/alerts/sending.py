"""Who is told of alerts: an Alertmanager, and any receiver of its webhooks."""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from prober.clock import NS
from prober.egress.https import Server, fetched
from prober.errors import ProberError, UsageError
from prober.watch.alerts.keeper import Entry

ANSWER_SECONDS = 10.0
_MOST_WORDS = 200
_MOST_ANSWER = 1 << 16
"""Bytes of an answer that are looked at."""
_SECRET_PATH = 8
"""Shorter ones keep no secret, and may be a word."""
_VERSION = "4"
"""Of the payload that Alertmanager sends to webhooks."""


class NotDelivered(ProberError):  # noqa: N818 - a fact, told by itself
    """A receiver could not be reached, or did not take what it was sent."""


class Receiver(Protocol):
    """Whoever is told of alerts."""

    @property
    def name(self) -> str:
        """What it is called in a sentence, and remembered by."""
        ...

    @property
    def repeat_ns(self) -> int:
        """After how long it is told again of what still fires."""
        ...

    async def send(self, entries: Sequence[Entry]) -> None:
        """Tell it; raises NotDelivered if it does not take it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """How documents are posted to a server."""

    server: Server
    credentials: Callable[[], httpx.Auth] = field(default=httpx.Auth, repr=False)
    """Read anew each time: a renewed password holds from then on."""

    async def json(self, url: str, document: object) -> None:
        """Post a document; raises NotDelivered, in a sentence."""
        where = self.server.where
        try:
            async with self.server.client(read_seconds=ANSWER_SECONDS) as client:
                request = client.build_request("POST", url, json=document)
                credentials = self.credentials()
                status, body = await fetched(
                    client, request, most_bytes=_MOST_ANSWER, auth=credentials
                )
        except UsageError as error:  # a file of its authority or password is away
            raise NotDelivered(f"the {where}: {error}") from error
        except (httpx.HTTPError, OSError) as error:
            raise NotDelivered(f"the {where}: {self.server.why(error)}") from error
        if not httpx.codes.is_success(status):
            text = body.decode(errors="replace")
            words = _without_secrets(text, url, request)[:_MOST_WORDS]
            raise NotDelivered(
                f"the {where} answered {status}" + (f": {words}" * bool(words))
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Alertmanager:
    """Prometheus' Alertmanager, by its API of version 2.

    It forgets alerts that are not repeated (`resolve_timeout`, five minutes), so they
    are, every minute.
    """

    post: Post
    labels: Mapping[str, str]
    """Added to each alert."""
    page: str
    """Where the alert is explained; empty for nowhere."""
    name: str = "Alertmanager"
    repeat_ns: int = 60 * NS

    async def send(self, entries: Sequence[Entry]) -> None:
        """Post them all at once."""
        url = self.post.server.url.rstrip("/") + "/api/v2/alerts"
        alerts = [_posted(each, self.labels, self.page) for each in entries]
        await self.post.json(url, alerts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Any receiver of such webhooks: told of changes, and every four hours."""

    post: Post
    labels: Mapping[str, str]
    page: str
    name: str = "webhook"
    repeat_ns: int = 4 * 3_600 * NS

    async def send(self, entries: Sequence[Entry]) -> None:
        """Post them as one group."""
        alerts = [
            {
                **_posted(each, self.labels, self.page, ends=True),
                "status": each.status,
                "fingerprint": sha256(each.alert.key.encode()).hexdigest()[:16],
            }
            for each in entries
        ]
        status = "firing" if any(e.ends_ns is None for e in entries) else "resolved"
        await self.post.json(
            self.post.server.url,
            {
                "version": _VERSION,
                "groupKey": "prober",
                "truncatedAlerts": 0,
                "status": status,
                "receiver": "prober",
                "groupLabels": {},
                "commonLabels": _common(each["labels"] for each in alerts),
                "commonAnnotations": _common(each["annotations"] for each in alerts),
                "externalURL": self.page,
                "alerts": alerts,
            },
        )


def _without_secrets(text: str, url: str, request: httpx.Request) -> str:
    """Return a receiver's words in one line, without what it was shown.

    Some repeat the request. The path of a webhook often is its password.
    """
    shown = request.headers.get("authorization", "").rpartition(" ")[2]
    split = urlsplit(url)
    parts = (split.query, split.path.strip("/"))
    secrets = [shown, *(part for part in parts if len(part) >= _SECRET_PATH)]
    with suppress(ValueError):  # it is base64 where there is a user
        user = base64.b64decode(shown, validate=True).decode(errors="replace")
        secrets.append(user.partition(":")[2])
    words = " ".join(text.split())
    for secret in filter(None, secrets):
        words = words.replace(secret, "…")
    return words


def _posted(
    entry: Entry, labels: Mapping[str, str], page: str, *, ends: bool = False
) -> dict[str, Any]:
    alert = entry.alert
    told: dict[str, Any] = {
        "labels": {
            **labels,
            **alert.labels,
            "alertname": alert.name,
            "severity": alert.severity,
        },
        "annotations": {"summary": alert.summary, "description": alert.description},
        "startsAt": _moment(entry.starts_ns),
    }
    if entry.ends_ns is not None:
        told["endsAt"] = _moment(entry.ends_ns)
    elif ends:
        told["endsAt"] = "0001-01-01T00:00:00Z"  # as Go writes a time that is not
    if page:
        told["generatorURL"] = page
    return told


def _common(each: Iterable[Mapping[str, str]]) -> dict[str, str]:
    first, *rest = each
    return {
        name: value
        for name, value in first.items()
        if all(other.get(name) == value for other in rest)
    }


def _moment(at_ns: int) -> str:
    at = datetime.fromtimestamp(at_ns // NS, UTC).replace(tzinfo=None)
    return f"{at.isoformat()}.{at_ns % NS // 1_000_000:03}Z"
