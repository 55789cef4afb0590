"""What a form sends."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

from serving.problems import Problem

MOST_BYTES, MOST_FIELDS = 10_000, 20


async def form_of(request: Request) -> dict[str, str]:
    """Read the fields of a form; of a name that comes twice, the last one counts.

    Raises
    ------
    Problem
        It is no form, or too large.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise Problem(413, f"a form has at most {MOST_BYTES} bytes")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise Problem(400, "this is no form") from None
