"""A small HTTP server that answers as a registry does, or as something else: for failures that a real one cannot be made to have."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Registry:
    """What it answers with, by path; and what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {"/subjects": (200, [])}
        self.asked: list[str] = []
        self.logins: list[str | None] = []
        self.delay = 0.0
        self.failing: tuple[int, Any] | None = None
        self.url = ""

    def schema(self, schema_id: int | str, schema: Any, **more: Any) -> None:
        """Have a schema, by id or GUID."""
        kind = "ids" if isinstance(schema_id, int) else "guids"
        self.answers[f"/schemas/{kind}/{schema_id}"] = (200, {"schema": json.dumps(schema), **more})

    def answer(self, path: str) -> tuple[int, Any]:
        """Give status and body."""
        self.asked.append(path)
        time.sleep(self.delay)
        return self.failing or self.answers.get(path, (404, {"error_code": 40403, "message": "Schema not found"}))


@contextmanager
def serve(registry: Registry, port: int = 0) -> Iterator[Registry]:
    """Run a server on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            registry.logins.append(self.headers.get("Authorization"))
            status, body = registry.answer(self.path)
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                pass  # who asked has gone

        do_POST = do_PUT = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    registry.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
