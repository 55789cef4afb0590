"""Pages from templates, with headers that let a browser run and load nothing but what we serve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from serving.look.assets import Assets

FOLDER = Path(__file__).parent
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",
}


class Look:
    """What all pages share; a part of the application.

    Attributes
    ----------
    assets
        The files.
    """

    def __init__(self) -> None:
        self.assets = Assets("/look", FOLDER / "static")
        self.routes = self.assets.routes

    def hot(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""


class Pages:
    """The pages of a part.

    Parameters
    ----------
    folder
        Of its templates.
    **everywhere
        What every template sees.
    """

    def __init__(self, folder: Path, **everywhere: Any) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._templates.globals.update(everywhere)

    def render(self, template: str, **values: Any) -> str:
        """Fill in a template; what stands in values is escaped."""
        return self._templates.get_template(template).render(**values)

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Answer with a page."""
        return HTMLResponse(self.render(template, **values), status, HEADERS)
