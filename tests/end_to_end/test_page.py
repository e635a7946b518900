"""The live page of a daemon over the reference stack, in a real Chromium."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from prober.pipeline.child import ChildStack
from prober.pipeline.faults import Fault, FaultKind, Scenario
from tests import browser
from tests.end_to_end import watching

LOSSY = Scenario(faults=(Fault(kind=FaultKind.DROP, where="rlp", every=2),))
PATIENCE = 40_000
"""Milliseconds: a limit, not a measure."""
WIDTHS = (360, 768, 1280)

Later = Callable[[Callable[[], Awaitable[object]]], None]
"""Does something in the loop of the test, and waits for it."""


@pytest.mark.timeout(180)
async def test_page_of_a_running_daemon(tmp_path: Path) -> None:
    """It opens, renews itself when a cycle closes, and marks the loss when it comes."""
    async with ChildStack(faults=LOSSY) as stack:
        probe = {"every": "1s", "messages": 20, "late_after": "1s", "lost_after": "2s"}
        lab = {"lab": watching.environment(stack, **probe)}
        watching.write(tmp_path / "prober.yaml", lab)
        async with watching.watch(tmp_path) as daemon:
            url = (await daemon.told_of("started"))["address"]
            await daemon.told_of("measuring")
            loop = asyncio.get_running_loop()

            def later(do: Callable[[], Awaitable[object]]) -> None:
                async def done() -> None:
                    await do()

                asyncio.run_coroutine_threadsafe(done(), loop).result()

            def leave() -> None:
                loop.call_soon_threadsafe(daemon.signal, signal.SIGTERM)

            await asyncio.to_thread(look, url, stack, later, leave)
            await daemon.end()


def look(url: str, stack: ChildStack, later: Later, leave: Callable[[], None]) -> None:
    """Look at the page as people do, from its opening to the end of its daemon."""
    with browser.chromium() as running, browser.visit(running, url) as seen:
        page = seen.page
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        expect(page.locator("#clock")).to_contain_text("live")
        expect(page.locator(".badges")).to_contain_text("1 OK")
        renews_and_keeps_focus(page)
        later(stack.begin_faults)
        expect(page.locator(".badges")).to_contain_text("1 LOSING")
        expect(page.locator("#said")).to_contain_text("lab losing")
        expect(page.locator("article .s-loss")).to_have_count(1)
        assert [] == browser.violations(page)
        works_from_the_keyboard(page, url)
        fits(page)
        assert [] == browser.violations(page)
        assert not [each for each in seen.requests if not each.startswith(url)]
        assert [] == seen.complaints
        leave()
        expect(page.locator("#clock")).to_contain_text("not live since")


def renews_and_keeps_focus(page: Page) -> None:
    """When a cycle closes there are other figures, in the same nodes."""
    link = page.get_by_role("link", name="Evidence for lab")
    link.focus()
    label = page.locator("article .figures dt").first
    before = label.inner_text()
    expect(label).not_to_have_text(before)
    assert link.evaluate("each => each === document.activeElement")


def works_from_the_keyboard(page: Page, url: str) -> None:
    """Tab reaches the environment, and on its page each window."""
    page.keyboard.press("Tab")
    page.goto(url)
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "lab":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("lab")
    page.get_by_role("link", name="1 hour").focus()
    page.keyboard.press("Enter")
    current = page.locator("nav.windows [aria-current=page]")
    expect(current).to_have_text("1 hour")
    expect(page.locator("#window")).to_contain_text("messages lost")


def fits(page: Page) -> None:
    """On no screen is anything cut off or to be scrolled sideways, light or dark."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            beyond = "document.documentElement.scrollWidth - innerWidth"
            assert page.evaluate(beyond) <= 0
    paper = "getComputedStyle(document.body).backgroundColor"
    assert "rgb(18, 22, 27)" == page.evaluate(paper)


async def test_page_without_a_script(tmp_path: Path) -> None:
    """Who runs no scripts reads the same, and the page comes anew by itself."""
    async with ChildStack() as stack:
        lab = {"lab": watching.environment(stack, every="1s", messages=20)}
        watching.write(tmp_path / "prober.yaml", lab)
        async with watching.watch(tmp_path) as daemon:
            url = (await daemon.told_of("started"))["address"]
            await daemon.told_of("measuring")
            await asyncio.to_thread(read_without_script, url)
            daemon.signal(signal.SIGTERM)
            await daemon.end()


def read_without_script(url: str) -> None:
    """Look at the first screen with scripts forbidden."""
    with browser.chromium() as running:
        context = running.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(url)
        expect(page.get_by_role("heading", level=2)).to_have_text("lab")
        expect(page.locator("#clock")).to_contain_text("as of")
        refresh = page.locator("meta[http-equiv=refresh]")
        expect(refresh).to_have_attribute("content", "15")
        context.close()
