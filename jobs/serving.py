"""Which bundle a run serves: what the settings say, and what a pointer makes of it."""

from __future__ import annotations

import socket
import uuid
from typing import TYPE_CHECKING, Any, TypeVar

from jobs.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from models.approval import Terms
    from models.follow import Prepare, Source, State

T = TypeVar("T")


def terms_of(settings: Settings) -> Terms:
    """Give the terms that a bundle has to meet."""
    from models.approval import Terms

    rank = settings.rank
    return Terms(rank.candidates, rank.top, rank.surfaces, settings.model.max_us_per_user)


def pinned(settings: Settings) -> Settings:
    """Settle on the bundle that the pointer names now: what is computed over history is computed under one.

    Raises
    ------
    BundleError
        The pointer is none.
    """
    from models.registry import serving_folder

    folder = serving_folder(settings.model.path)
    return settings if folder == settings.model.path else settings.with_values({"model.path": folder})


def source_of(settings: Settings, operator: str, prepare: Prepare[T], *, follow: bool) -> Source[T]:
    """Give where an instance of an operator gets its model from.

    Parameters
    ----------
    settings
        The effective settings.
    operator
        What it is called where people see which version serves.
    prepare
        Makes what it works with.
    follow
        Whether it takes other versions as the pointer moves: a live job does, if `model.path` is the folder of a model.
    """
    from models.follow import Follower, Pinned
    from models.registry import is_model

    path = settings.model.path
    if not (follow and is_model(path)):
        return Pinned(path, prepare)
    herald = _Herald(settings, operator)
    return Follower(path, terms_of(settings), prepare, settings.model.poll_seconds, herald.tell, herald.close)


class _Herald:
    """Tells Redis, after each look, which version serves here."""

    def __init__(self, settings: Settings, operator: str) -> None:
        from udfs.model_status import Announcer

        to = settings.redis
        assert to.url is not None
        instance = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
        self._announcer = Announcer(to.url, to.secret, to.prefix, operator, instance, settings.parallelism)
        self.close = self._announcer.close

    def tell(self, state: State) -> None:
        version, reason = state.refused or (None, None)
        self._announcer.say(state.name, state.version, version, reason)


def serving_by_model(settings: Settings) -> dict[str, Any]:
    """Ask Redis which versions the jobs there serve.

    Raises
    ------
    SwerveError
        It does not answer.
    """
    from udfs.model_status import read_serving, summarise
    from udfs.redis_connection import check, connect

    to = settings.redis
    assert to.url is not None
    check(to.url, to.secret, to.masked_url)
    with connect(to.url, to.secret) as client:
        return summarise(read_serving(client, to.prefix))


def bundle_that_ranked(settings: Settings, version: str | None) -> Path:
    """Give the folder of the bundle that made a value: that version of the model of the settings if it is still there, else what serves."""
    from models.registry import Model, is_model, serving_folder

    path = settings.model.path
    if is_model(path) and version is not None and version in Model(path).versions():
        return Model(path).path_of(version)
    return serving_folder(path)
