"""The bundle that ranks here: loaded beside the serving, followed as its pointer moves, used in one thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

from models.approval import Terms
from models.bundle import Bundle
from models.follow import Follower, Pinned, Source
from models.registry import is_model
from serving.problems import Problem
from udfs.errors import SwerveError
from udfs.rank import Ranker
from udfs.update import Updater

TRY_AGAIN_SECONDS = 5.0
T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelOptions:
    """Which bundle, and how it ranks.

    Attributes
    ----------
    path
        Its folder, or that of a model whose pointer is followed.
    terms
        How the job ranks, and what a bundle has to pass.
    category_percent
        As in the settings of `rank`.
    poll_seconds
        Between two looks at the pointer.
    """

    path: Path
    terms: Terms = field(default_factory=Terms)
    category_percent: int = 100
    poll_seconds: float = 1.0


class Served(NamedTuple):
    """A bundle, and what works with it; it has been used once, so that nothing is left to compile."""

    bundle: Bundle
    updater: Updater
    ranker: Ranker


class Model:
    """The bundle that serves.

    Parameters
    ----------
    options
        Which one.
    on_load
        Called with each, in the thread that uses it.
    """

    def __init__(self, options: ModelOptions, on_load: Callable[[Served], None] = lambda _: None) -> None:
        self._options, self._on_load = options, on_load
        self._thread = ThreadPoolExecutor(1, "model")
        self._source: Source[Served] | None = None
        self._served: Served | None = None
        self._task: asyncio.Task[None] | None = None
        self._trouble = "it is being loaded"

    @property
    def version(self) -> str | None:
        """Of the bundle that serves; none: there is none yet."""
        return self._served.bundle.version if self._served else None

    def trouble(self) -> str | None:
        """Say what is the matter; none: nothing."""
        return None if self._served else self._trouble

    async def start(self) -> None:
        """Begin to load it."""
        self._task = asyncio.create_task(self._load(), name="model")

    async def stop(self) -> None:
        """Finish what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    async def use(self, work: Callable[[Served], T]) -> T:
        """Do something with the bundle, in its thread.

        Raises
        ------
        Problem
            503 while there is none.
        """
        if self._served is None:
            raise Problem(503, f"no model serves here yet: {self._trouble}", {"Retry-After": "2"})
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._newest()))

    async def _load(self) -> None:
        """Load the first one; one that is not there yet may come."""
        loop, told = asyncio.get_running_loop(), ""
        while True:
            try:
                self._served = await loop.run_in_executor(self._thread, self._begin)
                return
            except SwerveError as error:
                if str(error) != told:
                    log.warning("no model serves: %s", error)
                # Where it lies is nothing for those who ask.
                told, self._trouble = str(error), "it is refused: the log says why"
            await asyncio.sleep(TRY_AGAIN_SECONDS)

    def _begin(self) -> Served:
        options = self._options
        # One that follows knows what it has refused, and says so once.
        if not isinstance(self._source, Follower):
            if is_model(options.path):
                self._source = Follower(options.path, options.terms, self._prepare, options.poll_seconds)
            else:
                self._source = Pinned(options.path, self._prepare)
        served = self._source.begin()
        self._on_load(served)
        return served

    def _newest(self) -> Served:
        assert self._source is not None
        assert self._served is not None
        taken = self._source.take()
        if taken is not None:
            self._served = taken
            self._on_load(taken)
        return self._served

    def _prepare(self, bundle: Bundle) -> Served:
        terms = self._options.terms
        updater = Updater(bundle.segments)
        updater.warm_up()
        ranker = Ranker(bundle, terms.candidates, terms.top, terms.surfaces, self._options.category_percent)
        ranker.warm_up()
        return Served(bundle, updater, ranker)

    def _close(self) -> None:
        if self._source is not None:
            self._source.close()
