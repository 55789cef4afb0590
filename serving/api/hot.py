"""``GET /v1/recommendations/{user}``: one GET from Redis, answered as it is stored.

A bare ASGI callable: docs/decisions/0016-api.md says why.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import orjson
from starlette.types import Receive, Scope, Send

from serving.api.access import NOBODY, Access
from serving.api.cut import cut, etag
from serving.api.lists import LAST_KNOWN, SOURCES, Found, Lists, Nothing
from serving.api.meters import Meters
from serving.api.query import MOST_ITEMS, Queries, user_of
from serving.problems import MEDIA_TYPE, Problem, document

BEGINNING = "/v1/recommendations/"
ROUTE = "/v1/recommendations/{user}"
EXPOSED = b"ETag, X-Swerve-Source, Retry-After"
SHARED_SECONDS = 30
RETRY_SECONDS = 5

Headers = list[tuple[bytes, bytes]]


class HotPath:
    """Answers requests for a shopper's list.

    Parameters
    ----------
    lists
        Finds them.
    access
        Who may see whose.
    queries
        Reads what is asked for.
    meters
        Counts.
    origins
        Whose pages may read it (CORS); ``*``: all.
    cache_seconds
        How long a browser may show a list without asking again; 0: it asks each time, and is told if nothing has changed.
    """

    def __init__(
        self, lists: Lists, access: Access, queries: Queries, meters: Meters, origins: Sequence[str] = (), cache_seconds: int = 0
    ) -> None:
        self._lists, self._access, self._queries, self._meters = lists, access, queries, meters
        self._origins = frozenset(origin.encode() for origin in origins)
        own = b"private, no-cache" if cache_seconds == 0 else b"private, max-age=%d" % cache_seconds
        self._headers = {(source, False): _headers(source, own) for source in SOURCES}
        shared = b"public, max-age=%d" % max(cache_seconds, SHARED_SECONDS)
        self._headers.update({(source, True): _headers(source, shared) for source in SOURCES})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one."""
        started = time.perf_counter()
        authorization = match = origin = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
            elif name == b"if-none-match":
                match = value
            elif name == b"origin":
                origin = value
        status, headers, body = await self._answer(scope, authorization, match)
        if origin is not None and (origin in self._origins or b"*" in self._origins):
            headers = [*headers, (b"access-control-allow-origin", origin), (b"access-control-expose-headers", EXPOSED)]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        self._meters.answered(ROUTE, status, time.perf_counter() - started)

    async def _answer(self, scope: Scope, authorization: bytes | None, match: bytes | None) -> tuple[int, Headers, bytes]:
        try:
            user = user_of(scope["raw_path"][len(BEGINNING) :])
            wanted = self._queries.read(scope["query_string"])
            self._access.check(user, authorization)
            found = await self._lists.find(user, wanted.surface, wanted.segment)
            return self._given(found, wanted.n or MOST_ITEMS, user == NOBODY, match)
        except Problem as problem:
            return _problem(problem)
        except Nothing:
            self._meters.nothing += 1
            why = "there is no list yet: has a job written to this Redis, with this prefix? A bundle (serving.model) is shown until then"
            return _problem(Problem(503, why, {"Retry-After": str(RETRY_SECONDS), "Cache-Control": "no-store"}))
        except ValueError:
            return _problem(Problem(502, "what Redis holds is no list: does another program write there?", {"Cache-Control": "no-store"}))

    def _given(self, found: Found, n: int, shared: bool, match: bytes | None) -> tuple[int, Headers, bytes]:
        self._meters.source(found.source)
        tag = etag(found.value, n)
        headers = [*self._headers[found.source, shared], (b"etag", tag)]
        if match is not None and (tag in match or match == b"*"):
            return 304, headers, b""
        body = cut(found.value, n)
        headers.append((b"content-type", b"application/json"))
        headers.append((b"content-length", b"%d" % len(body)))
        return 200, headers, body


def _headers(source: str, caching: bytes) -> Headers:
    headers = [(b"vary", b"Authorization, Origin"), (b"x-swerve-source", source.encode()), (b"x-content-type-options", b"nosniff")]
    if source == LAST_KNOWN:
        # What is remembered is better than nothing, and no better than that.
        return [*headers, (b"cache-control", b"private, no-cache"), (b"warning", b'110 - "Response is Stale"'), (b"retry-after", b"5")]
    return [*headers, (b"cache-control", caching)]


def _problem(problem: Problem) -> tuple[int, Headers, bytes]:
    body = orjson.dumps(document(problem.status_code, problem.detail, **problem.more))
    given = {"Cache-Control": "no-store", **(problem.headers or {})}
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()]
    headers += [(b"vary", b"Authorization, Origin"), (b"content-type", MEDIA_TYPE.encode()), (b"content-length", b"%d" % len(body))]
    return problem.status_code, headers, body
