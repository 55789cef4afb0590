"""The pages of `swerve serve`: a shop to look at, the live view, and the operator's page, from the settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.cli.source import topic_of
from udfs.errors import UsageError

if TYPE_CHECKING:
    from jobs.settings import Settings
    from serving.api.meters import Meters
    from serving.api.part import Api
    from serving.app import Part
    from serving.collector import Collector
    from serving.hub import Hub
    from serving.live.names import Names
    from serving.look.pages import Look
    from serving.operator.feeds import Feed

#: A token is asked for anew by each page that is opened.
TOKEN_SECONDS = 900


def pages_of(settings: Settings, hub: Hub, api: Api | None, collector: Collector | None, meters: Meters) -> list[Part]:
    """Make the pages that the settings ask for.

    Parameters
    ----------
    settings
        The effective settings.
    hub
        Tells of accepted events.
    api, collector
        What they stand on, where they are there.
    meters
        Counts of the API.

    Raises
    ------
    UsageError
        A shop needs recommendations and a collector.
    """
    from serving.live.names import Names
    from serving.look.pages import Look

    serving = settings.serving
    look = Look()
    names = Names(serving.model or settings.model.path)
    parts: list[Part] = []
    if api is not None and serving.model is not None:
        parts.append(_live(settings, hub, api, names))
    if api is not None and serving.admin_key is not None:
        parts.append(_operator(settings, hub, look, names, collector, meters))
    if serving.catalogue is not None:
        if api is None or collector is None:
            raise UsageError("a shop needs recommendations and a collector", "--redis URL and --into, or their settings")
        parts.append(_shop(settings, look, serving.catalogue))
    return [look, *parts] if parts else []


def _shop(settings: Settings, look: Look, catalogue: Path) -> Part:
    from serving.shop.catalogue import Catalogue
    from serving.shop.part import Shop, ShopOptions
    from serving.tokens import mint

    serving = settings.serving
    secret = serving.token_secret.get_secret_value() if serving.token_secret else None

    def signed(user: str) -> tuple[str, int]:
        assert secret is not None
        return mint(secret, user, TOKEN_SECONDS, serving.token_audience, serving.token_issuer), TOKEN_SECONDS

    options: dict[str, Any] = {"secret": secret.encode()} if secret else {}
    return Shop(
        ShopOptions(
            Catalogue.read(catalogue),
            write_key=serving.write_key.get_secret_value() if serving.write_key else None,
            mint=signed if secret and serving.tokens == "required" else None,
            live=serving.model is not None,
            operator=serving.admin_key is not None,
            **options,
        ),
        look,
    )


def _live(settings: Settings, hub: Hub, api: Api, names: Names) -> Part:
    from serving.live.part import Live, LiveOptions

    redis, serving = settings.redis, settings.serving
    assert redis.url is not None
    secret: dict[str, Any] = {"secret": serving.token_secret.get_secret_value().encode()} if serving.token_secret else {}
    return Live(
        LiveOptions(
            redis.url,
            names.bundle,
            api.access.authorise_or_admin,
            redis.secret,
            redis.prefix,
            settings.rank.surfaces[0],
            most=serving.watchers,
            **secret,
        ),
        hub,
    )


def _operator(settings: Settings, hub: Hub, look: Look, names: Names, collector: Collector | None, meters: Meters) -> Part:
    from serving.api.admin import Admin
    from serving.api.hot import ROUTE as LISTS
    from serving.operator.part import Operator, OperatorOptions

    redis, serving = settings.redis, settings.serving
    assert redis.url is not None
    assert serving.admin_key is not None
    feeds, gauges = _job_of(settings)

    def counts() -> dict[str, Mapping[str, float]]:
        requests: Counter[str] = Counter()
        for route, count in meters.requests().items():
            requests[route if route.startswith(("/v1/", "/api/")) else "pages and files"] += count
        rejected = collector.counters.totals()["rejected"] if collector else {}
        return {"rejected": rejected, "requests": requests, "latency": {str(end): n for end, n in meters.durations(LISTS).items()}}

    options = OperatorOptions(
        redis.url,
        Admin(serving.admin_key.get_secret_value()).require_admin,
        names.segment,
        redis.secret,
        redis.prefix,
        settings.rank.surfaces,
        counts,
        gauges,
        feeds,
    )
    return Operator(options, hub, look)


def _job_of(settings: Settings) -> tuple[list[Feed], Callable[[], Mapping[str, Any]] | None]:
    """Give where the job's records come from, and what tells how far it is behind."""
    into = settings.serving.into
    topic = topic_of(into) if into is not None else None
    if into is not None and topic is None:
        from serving.operator.feeds import ArchiveFeed

        return [ArchiveFeed(settings.out.dir)], None
    from jobs.kafka.job_feed import GroupLag, JobTopics

    if topic is not None:
        settings = settings.with_values({"topics.events": topic})
    return [JobTopics(settings)], GroupLag(settings)
