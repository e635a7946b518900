"""Pages and their parts as HTML: each part is what its page holds, renewed alone."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from jinja2 import Environment
from markupsafe import Markup

from prober import __version__
from prober.clock import NS
from prober.report.charts import key_of
from prober.report.environment import EnvironmentReport
from prober.report.now.conditions import TITLES
from prober.report.templating import templates
from prober.report.words import MARKS, STATES, moment
from prober.watch.page import glance
from prober.watch.page.course import page_of
from prober.watch.page.health import consumers, health
from prober.watch.page.looking import Look, Seen

WINDOWS: Mapping[str, int] = {
    "1h": 3_600 * NS,
    "24h": 86_400 * NS,
    "7d": 7 * 86_400 * NS,
    "30d": 30 * 86_400 * NS,
    "90d": 90 * 86_400 * NS,
}
"""Over what an environment can be looked at."""
_TITLES = {"1h": "1 hour", "24h": "24 hours", "7d": "7 days", "30d": "30 days"}
FIRST_WINDOW = "24h"


def overview(look: Look) -> str:
    """Return the first screen."""
    return _render("overview.html", look=look, part="/parts/overview")


def overview_part(look: Look) -> str:
    """Return what of the first screen is renewed."""
    return _render("overview_part.html", look=look)


def environment(
    look: Look, seen: Seen, window: str, report: EnvironmentReport | None, why: str
) -> str:
    """Return the page of one environment; without a report, why there is none."""
    return _render(
        "environment.html", **_of_environment(look, seen, window, report, why)
    )


def now_part(look: Look, seen: Seen) -> str:
    """Return how an environment stands now."""
    return _render("now_part.html", look=look, seen=seen, **_now(seen))


def window_part(
    look: Look, seen: Seen, window: str, report: EnvironmentReport | None, why: str
) -> str:
    """Return an environment over a window."""
    return _render(
        "window_part.html", **_of_environment(look, seen, window, report, why)
    )


def failed(look: Look, status: int, words: str) -> str:
    """Return a page that says what was wrong with what was asked for."""
    return _render("failed.html", look=look, status=status, words=words)


def address(name: str, window: str | None = None) -> str:
    """Return where an environment's page is."""
    query = f"?{urlencode({'window': window})}" if window else ""
    return f"/environments/{quote(name, safe='')}{query}"


def _of_environment(
    look: Look, seen: Seen, window: str, report: EnvironmentReport | None, why: str
) -> dict[str, object]:
    return {
        "look": look,
        "seen": seen,
        "window": window,
        "windows": [(key, _TITLES.get(key, "90 days")) for key in WINDOWS],
        "page": None if report is None else page_of(report, seen, window),
        "why": why,
        **_now(seen),
    }


def _now(seen: Seen) -> dict[str, object]:
    return {
        "glance": glance.glance(seen),
        "hour": glance.last_hour(seen, "hour"),
        "consumers": consumers(seen),
        "health": health(seen),
    }


def _said(look: Look) -> str:
    """Return how everything stands in words that change only when that does."""
    bad = [
        f"{each.now.environment} {TITLES[each.now.condition].lower()}"
        for each in look.seen
        if glance.LOOKS[each.now.condition] in ("bad", "unsure")
    ]
    return "; ".join(bad) or "no environment in trouble"


def _render(name: str, **context: object) -> str:
    return _templates().get_template(name).render(**context)


def _templates() -> Environment:
    found = templates("prober.watch.page")
    found.globals.update(
        address=address,
        badges=glance.badges,
        split=glance.split,
        said=_said,
        moment=moment,
        titles=TITLES,
        looks=glance.LOOKS,
        legend=_legend(),
        version=__version__,
        loud=("corrupt", "lost", "overdue"),
        dress=None,
        drawn=None,
    )
    return found


def _legend() -> list[tuple[Markup, str]]:
    found = [(key_of(state), STATES[state]) for state in reversed(list(MARKS))]
    return [*found, (Markup(""), "blank: open, or none due")]
