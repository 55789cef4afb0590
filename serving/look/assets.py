"""Files that pages need, read once and served with a validator; an address that names the content may be kept for ever."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serving.problems import Problem

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
FOR_EVER = "public, max-age=31536000, immutable"
#: Below that, packing costs more than it saves.
PACK_FROM = 1_000


class Asset(NamedTuple):
    """A file: its content, the same packed (none: it is packed already, or small), its type and a hash of it."""

    content: bytes
    packed: bytes | None
    media_type: str
    digest: str


class Assets:
    """The files of a folder, below a path.

    Parameters
    ----------
    path
        Such as ``/look``.
    folder
        Read with its subfolders.
    """

    def __init__(self, path: str, folder: Path) -> None:
        self._path = path
        self._assets = {str(file.relative_to(folder)): _read(file) for file in sorted(folder.rglob("*")) if file.suffix in TYPES}

    def routes(self) -> Sequence[BaseRoute]:
        """Give the route to them."""
        return [Route(f"{self._path}/{{name:path}}", self._serve)]

    def url(self, name: str) -> str:
        """Give the address of a file, which is another one when its content is."""
        return f"{self._path}/{name}?v={self._assets[name].digest[:12]}"

    async def _serve(self, request: Request) -> Response:
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            raise Problem(404, "there is no such file")
        # A style sheet names fonts as they are; they never change.
        named = request.query_params.get("v") == asset.digest[:12] or asset.media_type == "font/woff2"
        headers = {
            "ETag": f'"{asset.digest}"',
            "Cache-Control": FOR_EVER if named else "no-cache",
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept-Encoding",
        }
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if asset.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(asset.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=asset.media_type)
        return Response(asset.content, headers=headers, media_type=asset.media_type)


def _read(file: Path) -> Asset:
    content = file.read_bytes()
    packed = gzip.compress(content, mtime=0) if file.suffix != ".woff2" and len(content) > PACK_FROM else None
    return Asset(content, packed, TYPES[file.suffix], hashlib.sha256(content).hexdigest())
