"""The routes that need her profile and the bundle: a list that answers the actions of this visit, and why she gets what she gets."""

from __future__ import annotations

import time
from collections.abc import Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from models.explaining import explain_shopper
from serving.api.access import NOBODY, Access
from serving.api.actions import Actions
from serving.api.cut import cut
from serving.api.lists import Lists, Nothing
from serving.api.meters import Meters
from serving.api.model import Model, Served
from serving.api.query import Queries, checked_user
from serving.api.redis_gets import NO_ANSWER, RedisGets
from serving.api.reranking import Case, Reranking
from serving.collector.reading import read_json
from serving.collector.visitor import visitor_of
from serving.problems import Problem
from udfs.errors import SwerveError
from udfs.keys import VERSION_BYTES, profile_key, recommendations_key
from udfs.profile import ProfileError

BODY_BYTES = 262_144
RERANKED, ACTIONS_ONLY = "reranked", "actions"
"""Where such a list comes from: her profile and the actions, or the actions alone, because her profile is not to be had."""
NO_MODEL = "no model serves here: set serving.model (swerve serve --model DIR) to the bundle, or the folder of the model, that the job has"
NO_PROFILE = "no profile of hers is kept: the job has not seen her, her keys have expired, or it runs with redis.keep_profile=false"
NOT_KEPT = {"Cache-Control": "no-store"}


class Visits:
    """These routes.

    Parameters
    ----------
    access
        Who may ask for whom.
    gets, prefix
        Redis, and what stands before every key.
    lists
        Where a list of everybody is found.
    queries
        Knows the surfaces.
    model
        The bundle; none: these routes say that there is none.
    meters
        Counts where lists come from.
    country_header
        In which a proxy in front says where a visitor is.
    """

    def __init__(
        self,
        access: Access,
        gets: RedisGets,
        prefix: str,
        lists: Lists,
        queries: Queries,
        model: Model | None,
        meters: Meters,
        country_header: str | None = None,
    ) -> None:
        self._access, self._gets, self._prefix, self._lists, self._queries = access, gets, prefix, lists, queries
        self._model, self._meters, self._country_header = model, meters, country_header
        self._actions = Actions(queries)
        self._reranking = Reranking(model) if model is not None else None

    def routes(self) -> Sequence[BaseRoute]:
        """Give the routes."""
        return [
            Route("/api/recommendations", self._rerank, methods=["POST"]),
            Route("/v1/users/{user}/explanation", self._explain),
        ]

    def warm_up(self, served: Served) -> None:
        """Do once what a request does, in the model's thread."""
        if self._reranking is not None:
            self._reranking.warm_up(served)

    async def _rerank(self, request: Request) -> Response:
        if self._reranking is None:
            raise Problem(501, NO_MODEL, NOT_KEPT)
        body, _ = await read_json(request, BODY_BYTES)
        asked = self._actions.read(body, visitor_of(request.headers, self._country_header), int(time.time() * 1000))
        self._access.authorise(request, asked.user)
        if asked.user == NOBODY:
            try:
                found = await self._lists.find(NOBODY, asked.surface)
            except Nothing:
                raise Problem(503, "there is no list yet", {**NOT_KEPT, "Retry-After": "5"}) from None
            return self._given(cut(found.value, asked.n), found.source)
        try:
            packed, source = await self._profile(asked.user), RERANKED
        except NO_ANSWER:
            packed, source = b"", ACTIONS_ONLY
        value = await self._reranking.rank(Case(asked, packed))
        return self._given(cut(value, asked.n), source)

    def _given(self, body: bytes, source: str) -> Response:
        self._meters.source(source)
        return Response(body, headers={**NOT_KEPT, "X-Swerve-Source": source}, media_type="application/json")

    async def _explain(self, request: Request) -> Response:
        user = checked_user(request.path_params["user"])
        self._access.authorise_or_admin(request, user)
        surface = self._queries.surface(request.query_params.get("surface"))
        if self._model is None:
            raise Problem(501, NO_MODEL, NOT_KEPT)
        try:
            packed = await self._profile(user)
            stored = await self._gets.get(recommendations_key(user, surface, self._prefix).encode())
        except NO_ANSWER:
            raise Problem(503, "Redis does not answer", {**NOT_KEPT, "Retry-After": "2"}) from None
        if not packed:
            raise Problem(404, NO_PROFILE, NOT_KEPT)
        value = stored if isinstance(stored, bytes) else None
        try:
            document = await self._model.use(lambda served: explain_shopper(served.bundle, served.ranker, user, surface, packed, value))
        except (ProfileError, SwerveError) as error:
            raise Problem(502, f"what Redis holds of her cannot be read: {error}", NOT_KEPT) from None
        return Response(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY), headers=NOT_KEPT, media_type="application/json")

    async def _profile(self, user: str) -> bytes:
        """Give her profile as it is stored; empty where there is none."""
        stored = await self._gets.get(profile_key(user, self._prefix).encode())
        return stored[VERSION_BYTES:] if isinstance(stored, bytes) else b""
