"""What answers a browser, put together: pages, parts, JSON, events, static files."""

from collections.abc import Awaitable, Callable
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from prober.errors import ProberError, StoreError
from prober.report.environment import EnvironmentReport
from prober.report.styles import page_style
from prober.watch.page import api, asking, views
from prober.watch.page.api import found
from prober.watch.page.events import Following, Streams
from prober.watch.page.looking import Eyes, Seen

_FOR_A_DAY = {"Cache-Control": "max-age=86400"}
"""Static files are named with the version."""


class Page:
    """All routes of the page."""

    def __init__(self, board: Following, eyes: Eyes) -> None:
        self._eyes = eyes
        self._streams = Streams(board)

    def routes(self) -> list[Route]:
        """Return them."""
        return [
            Route("/", self.overview),
            Route("/environments/{name:path}", self.environment),
            Route("/parts/overview", self.overview_part),
            Route("/parts/environments/{name:path}", self.now_part),
            Route("/parts/window/environments/{name:path}", self.window_part),
            Route("/events", self._streams.answer),
            Route("/static/page.css", style),
            Route("/static/live.js", script),
            *api.routes(self._eyes),
        ]

    def errors(self) -> dict[type[Exception], Callable[..., Awaitable[Response]]]:
        """Return what answers when something goes wrong."""
        return dict.fromkeys((ProberError, TimeoutError, HTTPException), self.failed)

    async def overview(self, request: Request) -> Response:
        """Show all environments, the worst first."""
        asking.known(request.query_params, ())
        return HTMLResponse(views.overview(await self._eyes.look()))

    async def overview_part(self, request: Request) -> Response:
        """Show what of that is renewed."""
        asking.known(request.query_params, ())
        return HTMLResponse(views.overview_part(await self._eyes.look()))

    async def environment(self, request: Request) -> Response:
        """Show one environment."""
        look, seen = await found(self._eyes, request)
        window = _window(request)
        report, why = await self._report(seen, window)
        return HTMLResponse(views.environment(look, seen, window, report, why))

    async def now_part(self, request: Request) -> Response:
        """Show how one stands now."""
        asking.known(request.query_params, ())
        look, seen = await found(self._eyes, request)
        return HTMLResponse(views.now_part(look, seen))

    async def window_part(self, request: Request) -> Response:
        """Show one over a window."""
        look, seen = await found(self._eyes, request)
        window = _window(request)
        report, why = await self._report(seen, window)
        return HTMLResponse(views.window_part(look, seen, window, report, why))

    async def failed(self, request: Request, error: Exception) -> Response:
        """Say what was wrong with what was asked for, in the form it was asked in."""
        if request.url.path.startswith("/api/"):
            return api.refused(_known(error, request))
        told = _known(error, request)
        look = await self._eyes.look()
        page = views.failed(look, api.status_of(told), api.words_of(told))
        return HTMLResponse(page, api.status_of(told))

    async def _report(
        self, seen: Seen, window: str
    ) -> tuple[EnvironmentReport | None, str]:
        """Return a window, or why there is none: how it stands now is shown anyway."""
        try:
            name, length_ns = seen.now.environment, views.WINDOWS[window]
            return await self._eyes.window(name, length_ns), ""
        except (StoreError, TimeoutError) as error:
            return None, api.words_of(error)


def _window(request: Request) -> str:
    asking.known(request.query_params, ("window",))
    return asking.choice(
        request.query_params, "window", views.WINDOWS, views.FIRST_WINDOW
    )


def _known(error: Exception, request: Request) -> Exception:
    if isinstance(error, HTTPException):
        return api.NotFoundError(f"there is nothing at {request.url.path!r:.80}")
    return error


async def style(request: Request) -> Response:
    """Return the style: that of reports, and what the page has beyond."""
    del request
    text = page_style() + _static("page.css")
    return Response(text, media_type="text/css", headers=_FOR_A_DAY)


async def script(request: Request) -> Response:
    """Return the only script."""
    del request
    return Response(
        _static("live.js"), media_type="text/javascript", headers=_FOR_A_DAY
    )


def _static(name: str) -> str:
    return files("prober.watch.page").joinpath("static", name).read_text("utf-8")
