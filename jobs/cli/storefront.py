"""The shop of `swerve demo --open`: history, model, Redis, job and server on this machine, and shoppers who come by."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import yaml

from jobs.cli.output import progress
from jobs.cli.storefront_place import Place, Step, last_of, plain, write_private
from jobs.embedded.children import Children, wait_for
from udfs.errors import SwerveError

if TYPE_CHECKING:
    from jobs.embedded.redis_server import RedisServer
    from jobs.settings import Settings

PORTS = 50
POLL_SECONDS = 0.5


def settings_for(settings: Settings, place: Place, keys: dict[str, str], redis_url: str, port: int) -> Settings:
    """Give the settings of the job and of the server."""
    return settings.with_values(
        {
            "redis.url": redis_url,
            "model.path": place.bundle,
            "work": place.home / "work",
            "checkpoint.dir": place.home / "checkpoints",
            "checkpoint.interval_ms": 1_000,
            "out.dir": place.home / "out",
            "out.everything": True,
            "serving.port": port,
            "serving.into": str(place.log),
            "serving.model": place.bundle,
            "serving.catalogue": place.log / "catalog.csv",
            "serving.tokens": "required",
            **{f"serving.{name}": value for name, value in keys.items()},
        }
    )


class Storefront:
    """The running shop; ends with the block.

    Parameters
    ----------
    settings
        What was given on the command line.
    place
        Prepared.
    keys
        Of the shop.
    step
        Says what is happening.
    """

    def __init__(self, settings: Settings, place: Place, keys: dict[str, str], step: Step) -> None:
        self._settings, self._place, self._keys, self._step = settings, place, keys, step
        self._children = Children(place.home / "log-of")
        self._redis: RedisServer | None = None
        self._stop = threading.Event()
        self._visitors: threading.Thread | None = None
        self.settings = settings
        self.address = ""

    def __enter__(self) -> Storefront:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._visitors is not None:
            self._visitors.join(10)
        self._children.stop()
        if self._redis is not None:
            self._redis.stop()

    @property
    def operator(self) -> str:
        """Address of the operator's page, with the key behind the #, which no server sees."""
        return f"{self.address}/operator#key={self._keys['admin_key']}"

    def check(self) -> None:
        """Look whether all of it runs; raises `ChildDied` if not."""
        self._children.check()

    def watch(self) -> None:
        """Look after it, until interrupted."""
        while True:
            self.check()
            time.sleep(POLL_SECONDS)

    def token(self, user: str) -> str:
        """Mint a shopper's token, as a shop's back end does."""
        from serving.tokens import mint

        return mint(self._keys["token_secret"], user)

    def front_door(self) -> Any:
        """Give the way by which shoppers come in."""
        from serving.shop.visitors import FrontDoor

        return FrontDoor(self.address, self._keys["write_key"], self.token)

    def let_in(self, per_minute: float) -> None:
        """Have made-up shoppers come by."""
        from serving.shop.catalogue import Catalogue
        from serving.shop.visitors import Visitors

        door = self.front_door()
        visitors = Visitors(Catalogue.read(self._place.log / "catalog.csv"), door.send, door.show, per_minute)
        self._visitors = threading.Thread(target=visitors.run, args=(self._stop,), name="visitors", daemon=True)
        self._visitors.start()

    def _start(self) -> None:
        from jobs.embedded.redis_server import start_redis

        place = self._place
        url = self._settings.redis.url
        if url is None:
            self._redis = start_redis(place.home / "redis")
            url = self._redis.url
        shutil.rmtree(place.home / "out", ignore_errors=True)
        port = free_port(self._settings.serving.host, self._settings.serving.port)
        self.settings = settings_for(self._settings, place, self._keys, url, port)
        self.address = f"http://{self.settings.serving.host}:{port}"
        write_private(place.config, yaml.safe_dump(plain(self.settings.model_dump(exclude_unset=True))))
        self._step("starting the job, which follows the log, and the server")
        self._children.swerve("the job", "run", "--source", place.log, "--config", place.config)
        self._children.swerve("the server", "serve", "--config", place.config)
        wait_for("the server", lambda: answers(f"{self.address}/healthz"), self._children)
        self._fill(url)

    def _fill(self, url: str) -> None:
        """Wait until the job has gone through what the log holds already."""
        from udfs.keys import profile_key
        from udfs.redis_connection import connect

        prefix = self.settings.redis.prefix
        user, event_time, users = last_of(self._place.log)
        with connect(url) as client, progress("the job reads the history") as advance:

            def through() -> bool:
                # Two keys a shopper, about.
                advance(min(users, int(client.dbsize()) // 2), users)
                stored = client.getrange(profile_key(user, prefix), 0, 7)
                return int.from_bytes(stored, "big") >= event_time

            wait_for("the job to go through the history", through, self._children, 300)


def answers(address: str) -> bool:
    """Tell whether a server is there and well."""
    import requests

    try:
        return requests.get(address, timeout=2).status_code == 200
    except requests.RequestException:
        return False


def free_port(host: str, wanted: int) -> int:
    """Give the wanted port, or the next one that is free.

    Raises
    ------
    SwerveError
        There is none.
    """
    for port in range(wanted, wanted + PORTS) if wanted else (0,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise SwerveError(f"no port from {wanted} to {wanted + PORTS - 1} is free", "--port takes another one")
