"""The tracker and the recommendations element that a shop's pages load: built files, for pages of any origin."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

FOLDER = Path(__file__).parents[1] / "static"
TYPES = {"swerve.js": "text/javascript", "swerve.mjs": "text/javascript", "swerve.d.ts": "application/typescript"}
HEADERS = {
    # Their addresses stay: a page has the newest within the hour, and the one that it has until then.
    "Cache-Control": "public, max-age=3600, stale-while-revalidate=86400",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding",
}


class _File(NamedTuple):
    """A file as it is, and packed."""

    plain: bytes
    packed: bytes
    tag: str


def routes(folder: Path = FOLDER) -> Sequence[BaseRoute]:
    """Give the routes of the files that are there."""
    return [Route(f"/{name}", _serve(_read(folder / name), kind)) for name, kind in TYPES.items() if (folder / name).is_file()]


def _read(path: Path) -> _File:
    plain = path.read_bytes()
    return _File(plain, gzip.compress(plain, 9, mtime=0), hashlib.sha256(plain).hexdigest()[:20])


def _serve(file: _File, kind: str):  # type: ignore[no-untyped-def]
    async def serve(request: Request) -> Response:
        packs = "gzip" in request.headers.get("accept-encoding", "")
        # What is packed is another representation, so it has a tag of its own.
        tag = f'"{file.tag}-gzip"' if packs else f'"{file.tag}"'
        headers = {**HEADERS, "ETag": tag}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if packs:
            return Response(file.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=kind)
        return Response(file.plain, headers=headers, media_type=kind)

    return serve
