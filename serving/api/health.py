"""Whether the process lives, whether it is ready, and its numbers for Prometheus."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import orjson
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from serving.api import sdk
from serving.problems import document

Check = Callable[[], str | None]
"""Says what is the matter; none: nothing."""
OPENAPI = Path(__file__).with_name("openapi.yaml")
NOT_KEPT = {"Cache-Control": "no-store"}


class Health:
    """What a balancer, a supervisor and Prometheus ask, and the SDK's files: a part that every process has.

    Parameters
    ----------
    checks
        What has to be well, by name.
    registry
        The numbers.
    guard
        Raises a `Problem` where a request may not see the numbers; none: everybody may.
    """

    def __init__(self, checks: Mapping[str, Check], registry: CollectorRegistry, guard: Callable[[Request], None] | None = None) -> None:
        self._checks, self._registry, self._guard = checks, registry, guard
        self._was_ready = False

    def routes(self) -> Sequence[BaseRoute]:
        """Give the routes."""
        return [
            Route("/healthz", self._lives),
            Route("/readyz", self._ready),
            Route("/metrics", self._metrics),
            Route("/openapi.json", self._openapi),
            *sdk.routes(),
        ]

    def hot(self) -> Mapping[str, ASGIApp]:
        """Nothing."""
        return {}

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def _lives(self, _: Request) -> Response:
        return _json({"status": "alive"})

    async def _ready(self, request: Request) -> Response:
        """Tell what is not well now; asked for ``?once``, whether all was well once.

        A balancer should ask the latter: while Redis is away everybody gets lists from memory, and no process is better off than another.
        """
        troubles = {name: trouble for name, check in self._checks.items() if (trouble := check()) is not None}
        states = {name: troubles.get(name, "well") for name in self._checks}
        self._was_ready = self._was_ready or not troubles
        if self._was_ready and "once" in request.query_params:
            return _json({"status": "ready", "checks": states})
        if troubles:
            body = document(503, "not ready: " + "; ".join(f"{name}: {trouble}" for name, trouble in troubles.items()), checks=states)
            return Response(orjson.dumps(body), 503, NOT_KEPT, "application/problem+json")
        return _json({"status": "ready", "checks": states})

    async def _metrics(self, request: Request) -> Response:
        if self._guard is not None:
            self._guard(request)
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._registry), headers={**NOT_KEPT, "Content-Type": kind})

    async def _openapi(self, request: Request) -> Response:
        body, tag = description()
        headers = {"ETag": tag, "Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type="application/json")


@cache
def description() -> tuple[bytes, str]:
    """Give the description of all routes as JSON, and its ETag."""
    body = orjson.dumps(yaml.safe_load(OPENAPI.read_text(encoding="utf-8")))
    return body, f'"{hashlib.sha256(body).hexdigest()[:20]}"'


def _json(document: Mapping[str, object]) -> Response:
    return Response(orjson.dumps(document), headers=NOT_KEPT, media_type="application/json")
