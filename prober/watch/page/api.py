"""The same data as JSON, in the documents that the command line writes.

/api/v1/environments                        prober.status/v1
/api/v1/environments/{name}                 prober.status/v1, of one
/api/v1/environments/{name}/window          prober.window/v1
/api/v1/environments/{name}/cycles          prober.history/v1, cycles and runs
/api/v1/environments/{name}/annotations     prober.history/v1, annotations
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from prober import __version__
from prober.errors import ProberError, StoreError, UsageError
from prober.report import json_window, listing_json
from prober.report.environments import together
from prober.report.listing import Listing
from prober.report.now import json as status_json
from prober.store import Store
from prober.watch.page import asking
from prober.watch.page.asking import Between
from prober.watch.page.looking import Eyes, Look, Seen
from prober.watch.page.views import FIRST_WINDOW, WINDOWS


def routes(eyes: Eyes) -> list[Route]:
    """Return what answers under /api/v1."""
    return _Api(eyes).routes()


class NotFoundError(ProberError):
    """There is no environment of that name."""


async def found(eyes: Eyes, request: Request) -> tuple[Look, Seen]:
    """Return the environment that a path names; raises NotFoundError."""
    look, name = await eyes.look(), request.path_params["name"]
    seen = look.environment(name)
    if seen is None:
        raise NotFoundError(f"nothing is known of an environment {name!r:.80}")
    return look, seen


class _Api:
    def __init__(self, eyes: Eyes) -> None:
        self._eyes = eyes

    def routes(self) -> list[Route]:
        one = "/api/v1/environments/{name:path}"
        return [
            Route("/api/v1/environments", self.all),
            Route(f"{one}/window", self.window),
            Route(f"{one}/cycles", self.cycles),
            Route(f"{one}/annotations", self.annotations),
            Route(one, self.one),
        ]

    async def all(self, request: Request) -> Response:
        asking.known(request.query_params, ())
        look = await self._eyes.look()
        return _status(look, look.seen)

    async def one(self, request: Request) -> Response:
        asking.known(request.query_params, ())
        look, seen = await found(self._eyes, request)
        return _status(look, (seen,))

    async def window(self, request: Request) -> Response:
        asking.known(request.query_params, ("window",))
        window = asking.choice(request.query_params, "window", WINDOWS, FIRST_WINDOW)
        look, seen = await found(self._eyes, request)
        report = await self._eyes.window(seen.now.environment, WINDOWS[window])
        document = json_window.document(together([report], look.at_ns))
        return JSONResponse(document)

    async def cycles(self, request: Request) -> Response:
        asked = asking.between(request.query_params)
        _, seen = await found(self._eyes, request)
        return await self._listed(seen, asked, annotations=False)

    async def annotations(self, request: Request) -> Response:
        asked = asking.between(request.query_params)
        _, seen = await found(self._eyes, request)
        return await self._listed(seen, asked, annotations=True)

    async def _listed(
        self, seen: Seen, asked: Between, *, annotations: bool
    ) -> Response:
        listing = await self._eyes.ask(
            lambda store: _listing(
                store, seen.now.environment, asked, annotations=annotations
            )
        )
        return JSONResponse(listing_json.document([listing], __version__))


def _status(look: Look, seen: tuple[Seen, ...]) -> Response:
    text = status_json.document((each.now for each in seen), look.at_ns)
    return Response(text, media_type="application/json")


def _listing(store: Store, name: str, asked: Between, *, annotations: bool) -> Listing:
    from_ns, to_ns = asked.from_ns, asked.to_ns
    if annotations:
        notes = store.annotations(name, from_ns=from_ns, to_ns=to_ns)
        return Listing(
            environment=name, runs=(), cycles=(), annotations=tuple(notes), cut=False
        )
    cycles = store.cycles(name, from_ns=from_ns, to_ns=to_ns, limit=asked.limit + 1)
    return Listing(
        environment=name,
        runs=tuple(store.runs(name, from_ns=from_ns, to_ns=to_ns, limit=asked.limit)),
        cycles=tuple(cycles[: asked.limit]),
        annotations=(),
        cut=len(cycles) > asked.limit,
    )


def status_of(error: Exception) -> int:
    """Return which status tells of an error."""
    if isinstance(error, NotFoundError):
        return 404
    if isinstance(error, UsageError):
        return 400
    return 503 if isinstance(error, StoreError | TimeoutError) else 500


def words_of(error: Exception) -> str:
    """Return an error in a sentence."""
    if isinstance(error, TimeoutError):
        return "history does not answer: try again"
    return str(error)


def refused(error: Exception) -> Response:
    """Return an error as JSON."""
    return JSONResponse({"error": words_of(error)}, status_of(error))
