"""`swerve serve`: the collector and the HTTP API, for a shop's pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.cli.options import Config, Redis, Set, settings_from
from udfs.errors import SwerveError, UsageError

if TYPE_CHECKING:
    from jobs.settings import Settings
    from serving.api.model import ModelOptions
    from serving.api.part import ApiOptions
    from serving.app import Application, Part
    from serving.tokens import TokenRules


Into = Annotated[str | None, typer.Option("--into", metavar="kafka:TOPIC|DIR", help="Where events go; short for --set serving.into=….")]


def command(
    host: Annotated[str | None, typer.Option("--host", metavar="ADDRESS", help="Listen there; short for --set serving.host=…")] = None,
    port: Annotated[int | None, typer.Option("--port", help="0: a free one; short for --set serving.port=PORT.")] = None,
    model: Annotated[Path | None, typer.Option("--model", metavar="DIR", help="Bundle; short for --set serving.model=DIR.")] = None,
    config: Config = None,
    overrides: Set = None,
    redis: Redis = None,
    into: Into = None,
) -> None:
    """Serve a shop's pages: take their events, give their recommendations. Ctrl-C stops it when what is under way is done."""
    flags = {"serving__host": host, "serving__port": port, "serving__model": model, "serving__into": into, "redis__url": redis}
    serve(settings_from(config, overrides, **flags))


def token_rules(settings: Settings) -> TokenRules | None:
    """Give what is asked of a shopper's token.

    Raises
    ------
    UsageError
        If tokens are required and there is no secret, or a short one.
    """
    from serving.tokens import SHORTEST_SECRET, TokenRules

    serving = settings.serving
    if serving.tokens == "off":
        return None
    if serving.token_secret is None:
        raise UsageError(
            "shoppers' tokens are required, and there is no secret to verify them",
            "set serving.token_secret (openssl rand -hex 32), or, for a demo, --set serving.tokens=off",
        )
    secrets = tuple(secret.get_secret_value() for secret in (serving.token_secret, *serving.token_secrets_before))
    if min(map(len, secrets)) < SHORTEST_SECRET:
        raise UsageError(f"serving.token_secret has fewer than {SHORTEST_SECRET} characters", "openssl rand -hex 32 makes one")
    return TokenRules(secrets, serving.token_audience, serving.token_issuer)


def api_options(settings: Settings) -> ApiOptions:
    """Give what the API is made of."""
    from serving.api.part import ApiOptions
    from serving.api.redis_address import RedisAddress

    serving, redis = settings.serving, settings.redis
    assert redis.url is not None
    return ApiOptions(
        RedisAddress(redis.url, redis.secret),
        redis.prefix,
        settings.rank.surfaces,
        token_rules(settings),
        serving.admin_key.get_secret_value() if serving.admin_key else None,
        serving.allow_origins,
        serving.cache_seconds,
        serving.redis_timeout_ms / 1000,
        serving.remember,
        _model_options(settings),
        serving.country_header,
    )


def _model_options(settings: Settings) -> ModelOptions | None:
    if settings.serving.model is None:
        return None
    from jobs.serving import terms_of
    from serving.api.model import ModelOptions

    return ModelOptions(settings.serving.model, terms_of(settings), settings.rank.category_percent, settings.model.poll_seconds)


def application(settings: Settings) -> Application:
    """Make what the settings ask for."""
    from prometheus_client import CollectorRegistry
    from starlette.middleware import Middleware

    from jobs.cli.collecting import collector_of
    from jobs.cli.pages import pages_of
    from serving.api.admin import Admin
    from serving.api.cross_origin import CrossOrigin
    from serving.api.health import Health
    from serving.api.meters import Meters
    from serving.api.part import Api
    from serving.app import Application
    from serving.hub import Hub

    serving, hub, registry, meters = settings.serving, Hub(), CollectorRegistry(), Meters()
    registry.register(meters)
    collector = collector_of(settings, hub, registry)
    api = Api(api_options(settings), meters) if settings.redis.url is not None else None
    if api is None and collector is None:
        raise UsageError("there is nothing to serve", "--redis URL for recommendations, --into for events, or their settings")
    admin = Admin(serving.admin_key.get_secret_value() if serving.admin_key else None)
    checks = {name: check for part in (collector, api) if part is not None for name, check in part.checks().items()}
    health = Health(checks, registry, admin.require_admin if serving.metrics == "admin" else None)
    parts: list[Part] = [health, *([collector] if collector else []), *([api] if api else [])]
    parts += pages_of(settings, hub, api, collector, meters)
    return Application(parts, [Middleware(CrossOrigin, serving.allow_origins)], meters.answered)


def serve(settings: Settings) -> None:
    """Serve until interrupted."""
    from jobs.cli.output import note

    server, listening = server_of(application(settings), settings)
    host, port = listening.getsockname()[:2]
    ways = [f"events into {settings.serving.into}"] if settings.serving.into else []
    ways += [f"recommendations from {settings.redis.masked_url}"] if settings.redis.url else []
    ways += ["a shop"] if settings.serving.catalogue else []
    note(f"serving http://{f'[{host}]' if ':' in host else host}:{port}: {', '.join(ways)}")
    server.run([listening])


def server_of(app: Application, settings: Settings) -> tuple[Any, Any]:
    """Make the server and the socket that it listens on.

    Raises
    ------
    SwerveError
        If the address is not to be had.
    """
    import gc

    import uvicorn

    class Server(uvicorn.Server):
        """Tells the parts when it is about to stop: streams that go on for ever would hold it."""

        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            # What is there now stays: to look through all of it for garbage would hold every request for a tenth of a second, each time.
            gc.collect()
            gc.freeze()

        async def shutdown(self, sockets: Any = None) -> None:
            app.close()
            await super().shutdown(sockets)
            # What was asked for is done: no signal ends the process a second time.
            self._captured_signals.clear()

    serving = settings.serving
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        # Longer than the balancers before it, which would else send a request into a connection that is closing.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=10,
        backlog=2048,
    )
    return Server(config), _listen(serving.host, serving.port)


def _listen(host: str, port: int) -> Any:
    import socket

    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.create_server(address, family=family, backlog=2048)
    except OSError as error:
        raise SwerveError(f"cannot listen on {host}:{port}: {error.strerror}", "--port 0 takes a free one") from None
    # Head and body leave in two writes; without this, the second one could wait for the first to be acknowledged.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
