"""Lists that answer the actions of this visit: her profile, the actions applied to it as the job will, and its ranking.

Nothing is written: the same actions come to the job through the collector, and it writes. Requests that come while others are worked on are
worked on together.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from serving.api.actions import Asked
from serving.api.model import Model, Served
from serving.collector.encoding import Encoder
from serving.problems import Problem
from udfs.archive import YEAR_2000
from udfs.decode import Decoder
from udfs.events import EVENT
from udfs.profile import ProfileError, empty_profiles, pack_profiles, unpack_profiles
from udfs.reasons import GOOD
from udfs.schemas import LocalSchemas, load
from udfs.segments import choose_anew

MOST_TOGETHER, MOST_WAITING = 256, 2048


class Case(NamedTuple):
    """What a list is made of.

    Attributes
    ----------
    asked
        What for, with the actions.
    packed
        Her profile as it is stored; empty: there is none.
    """

    asked: Asked
    packed: bytes


class Reranking:
    """Ranks by actions.

    Parameters
    ----------
    model
        The bundle.
    future_ms
        How far ahead of the clock the job takes an event.
    """

    def __init__(self, model: Model, future_ms: int = 60_000) -> None:
        self._model, self._future_ms = model, future_ms
        self._decoder = Decoder(LocalSchemas())
        self._schema = load("shop_event")
        self._waiting: list[tuple[Case, asyncio.Future[bytes]]] = []
        self._task: asyncio.Task[None] | None = None

    async def rank(self, case: Case) -> bytes:
        """Give a list, complete.

        Raises
        ------
        Problem
            503 while there is no bundle, or too many wait.
        """
        if self._model.trouble() or len(self._waiting) >= MOST_WAITING:
            raise Problem(503, self._model.trouble() or "too many lists are being made", {"Retry-After": "2"})
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting.append((case, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await answer

    def warm_up(self, served: Served) -> None:
        """Do everything once, in the model's thread: nothing is left to compile."""
        event = {"event_id": "-", "user_id": "-", "event_time": YEAR_2000, "personalization_storage": "GRANTED"}
        asked = Asked("-", served.ranker.surfaces[0], 1, [Encoder().datum(event)])
        self._values(served, [Case(asked, pack_profiles(empty_profiles(1))[0])])

    async def _work(self) -> None:
        """Work on what waits until nothing does."""
        while self._waiting:
            together, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
            cases = [case for case, _ in together]
            try:
                values = await self._model.use(lambda served, cases=cases: self._values(served, cases))  # type: ignore[misc]
            except Exception as error:  # noqa: BLE001 - those who wait have to be told, whatever it is
                for _, answer in together:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            for (_, answer), value in zip(together, values, strict=True):
                if not answer.done():
                    answer.set_result(value)
        self._task = None

    def _values(self, served: Served, cases: Sequence[Case]) -> list[bytes]:
        """Do what the job does to a payload and to the requests that come of it; in the model's thread."""
        now_ms = int(time.time() * 1000)
        profiles = np.concatenate([_profile(case.packed) for case in cases])
        served.updater.apply(profiles, self._events(cases, now_ms), latest_only=True)
        choose_anew(profiles, served.bundle.segments)
        users = [case.asked.user.encode() for case in cases]
        ranked = served.ranker.rank(users, profiles, np.zeros(len(cases), np.uint8), now_ms)
        place = {surface: at for at, surface in enumerate(ranked.surfaces)}
        return [lists[place[case.asked.surface]] for case, lists in zip(cases, ranked.values, strict=True)]

    def _events(self, cases: Sequence[Case], now_ms: int) -> NDArray[np.void]:
        """Decode the actions as the job decodes events; those without consent are left out, as they are there."""
        datums = [datum for case in cases for datum in case.asked.datums]
        if not datums:
            return np.zeros(0, EVENT)
        decoded = self._decoder.blocks(self._schema, [(len(datums), b"".join(datums))], now_ms + self._future_ms)
        decoded.events["user"] = np.repeat(np.arange(len(cases)), [len(case.asked.datums) for case in cases])
        events: NDArray[np.void] = decoded.events[(decoded.reasons == GOOD) & decoded.granted]
        return events


def _profile(packed: bytes) -> NDArray[np.void]:
    """Unpack a profile; one that cannot be read, and none, is that of a new shopper."""
    if packed:
        try:
            return unpack_profiles([packed])
        except ProfileError:
            pass
    return empty_profiles(1)
