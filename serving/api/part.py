"""The HTTP API as a part of the application."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from serving.api.access import Access
from serving.api.admin import Admin
from serving.api.health import Check
from serving.api.hot import BEGINNING, ROUTE, HotPath
from serving.api.lists import Lists
from serving.api.meters import Meters
from serving.api.model import Model, ModelOptions, Served
from serving.api.query import Queries
from serving.api.redis_address import RedisAddress
from serving.api.redis_gets import RedisGets
from serving.api.visits import Visits
from serving.tokens import TokenRules, Verifier
from udfs.keys import fallback_key


@dataclass(frozen=True)
class ApiOptions:
    """What the API is made of.

    Attributes
    ----------
    redis
        Where the job writes.
    prefix
        What stands before every key there.
    surfaces
        Places in the shop.
    tokens
        What is asked of a shopper's token; none: everybody may see everything.
    admin_key
        The operator's; none: there is none.
    origins
        Whose pages may call it (CORS).
    cache_seconds
        How long a browser may keep a list.
    redis_timeout
        How long a GET from Redis may take, in seconds.
    remember
        How many shoppers' last lists are remembered.
    model
        The bundle for lists by actions and for explanations; none: neither.
    country_header
        In which a proxy in front says where a visitor is.
    """

    redis: RedisAddress
    prefix: str = ""
    surfaces: Sequence[str] = ("home",)
    tokens: TokenRules | None = None
    admin_key: str | None = field(default=None, repr=False)
    origins: Sequence[str] = ()
    cache_seconds: int = 0
    redis_timeout: float = 0.05
    remember: int = 4096
    model: ModelOptions | None = None
    country_header: str | None = None


class Api:
    """The API.

    Parameters
    ----------
    options
        What it is made of.
    meters
        Where requests are counted.
    """

    def __init__(self, options: ApiOptions, meters: Meters) -> None:
        verifier = Verifier(options.tokens) if options.tokens else None
        self.access = Access(verifier, Admin(options.admin_key))
        self._gets = RedisGets(options.redis, fallback_key(options.surfaces[0], None, options.prefix).encode(), options.redis_timeout)
        self._lists = Lists(self._gets, options.prefix, options.surfaces, options.remember)
        self._queries = Queries(options.surfaces)
        self._hot = HotPath(self._lists, self.access, self._queries, meters, options.origins, options.cache_seconds)
        self._model = Model(options.model, self._loaded) if options.model else None
        self._visits = Visits(
            self.access, self._gets, options.prefix, self._lists, self._queries, self._model, meters, options.country_header
        )
        self._count(meters, verifier)

    def routes(self) -> Sequence[BaseRoute]:
        """Give the routes."""
        # The first one is for what the hot path does not take: another method.
        return [Route(ROUTE, self._hot, methods=["GET"]), *self._visits.routes()]

    def hot(self) -> Mapping[str, ASGIApp]:
        """Give the path of the lists."""
        return {BEGINNING: self._hot}

    async def start(self) -> None:
        """Connect."""
        await self._gets.start()
        await self._lists.start()
        if self._model is not None:
            await self._model.start()

    async def stop(self) -> None:
        """Disconnect."""
        if self._model is not None:
            await self._model.stop()
        await self._lists.stop()
        await self._gets.stop()

    def checks(self) -> Mapping[str, Check]:
        """Give what has to be well for requests to be sent here."""
        return {"redis": self._redis_trouble, **({"model": self._model.trouble} if self._model else {})}

    def _loaded(self, served: Served) -> None:
        self._visits.warm_up(served)
        self._lists.seed(served.ranker.fallbacks())

    def _redis_trouble(self) -> str | None:
        return None if self._gets.connected else self._gets.trouble or "Redis does not answer in time"

    def _count(self, meters: Meters, verifier: Verifier | None) -> None:
        numbers = meters.numbers
        numbers.append(("swerve_api_redis_errors", "GETs that Redis did not answer.", lambda: self._gets.errors))
        meters.gauges.append(("swerve_api_redis_up", "Whether Redis answers.", lambda: float(self._gets.connected)))
        if verifier is not None:
            numbers.append(("swerve_api_tokens_known", "Tokens that were verified before.", lambda: verifier.hits))
            numbers.append(("swerve_api_tokens_verified", "Tokens that had to be verified.", lambda: verifier.misses))
