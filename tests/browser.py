"""A real Chromium that notes what goes wrong in it, and axe to look at pages with."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, sync_playwright

from tests import tools

_CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
_AXE = "axe-core/axe.min.js"
_FOR_EVERYBODY = ("/usr/lib/node_modules", "/usr/local/lib/node_modules")
"""Where `npm install --global` puts it."""


@dataclass(kw_only=True)
class Visit:
    """A page as it was seen, and what a browser had to say of it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings, of the page and of the browser."""
    requests: list[str] = field(default_factory=list)
    """Addresses that were asked for, the page's own first."""


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """Run Debian's Chromium, with some arguments of its command line."""
    path = tools.program(_CHROMIUM, "apt-get install chromium fonts-liberation")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=[*_ARGUMENTS, *arguments]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(
    browser: Browser,
    url: str,
    *,
    width: int = 1280,
    scheme: Literal["light", "dark"] = "light",
    **more: Any,  # noqa: ANN401 - whatever Playwright takes
) -> Iterator[Visit]:
    """Open a page and note what goes wrong; `more` is of Playwright's `new_page`."""
    page = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme=scheme, **more
    )
    seen = Visit(page=page)
    page.on("console", lambda told: seen.complaints.append(told.text))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("request", lambda asked: seen.requests.append(asked.url))
    try:
        page.goto(url)
        yield seen
    finally:
        page.close()


def violations(page: Page) -> list[str]:
    """Return what axe has against a page: the rule, and the first element it is of.

    All of its rules, those of good practice among them. axe-core comes from npm: in the
    folder that `NODE_MODULES` names, in `node_modules` of this one, or for everybody.
    """
    folders = (os.environ.get("NODE_MODULES", "node_modules"), *_FOR_EVERYBODY)
    scripts = [Path(each) / _AXE for each in folders]
    script = tools.first_of(scripts, "npm install --no-save axe-core")
    page.evaluate(Path(script).read_text("utf-8"))
    told: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: []})")
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in told["violations"]]
