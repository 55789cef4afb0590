"""The faults: what is killed, for how long, and how long it takes until Redis has news again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import NamedTuple

import redis

from bench.chaos.shop import Publisher
from bench.chaos.stack import Servers
from bench.chaos.watch import Watch
from jobs.cluster.rest import ClusterError, FlinkRest
from jobs.dev.processes import LOOPBACK
from udfs.errors import SwerveError

#: One round in full length takes about so many minutes.
ROUND_MINUTES = 6.0
KILL_EVERY, STORM_SECONDS = 6.0, 60.0
AWAY_SECONDS, REDIS_AWAY_SECONDS, SLOW_SECONDS, SLOW_BY = (2.0, 10.0), 60.0, 30.0, 0.5
STEADY_SECONDS, PATIENCE_SECONDS = 5.0, 600.0
KINDS = ("taskmanager_killed", "jobmanager_killed", "broker_killed", "redis_killed", "redis_flushed", "redis_slow")


class Fault(NamedTuple):
    """One fault: its kind, how often it struck, and the seconds from its end until Redis has news steadily again."""

    kind: str
    times: int
    recovery: float


@dataclass
class Chaos:
    """Does harm to the servers of a job, one kind after the other, and waits after each until the job works again.

    Parameters
    ----------
    servers, job_id, watch, publisher
        What it is done to.
    dice
        Decides when, how long and to whom.
    say
        Told what happens.
    scale
        Share of the full length that each fault has.
    on_flush
        Called when Redis has just been emptied.

    Attributes
    ----------
    faults
        What was done.
    exits
        TaskManagers that ended by themselves.
    """

    servers: Servers
    job_id: str
    watch: Watch
    publisher: Publisher
    dice: random.Random
    say: Callable[[str], None]
    scale: float
    on_flush: Callable[[], None]

    def __post_init__(self) -> None:
        self.faults: list[Fault] = []
        self.exits = 0

    def run(self, minutes: float) -> None:
        """Go on with all kinds in turn until the time is over; each strikes once at least."""
        until = time.monotonic() + 60 * minutes
        turns = (self.kill_taskmanagers, self.kill_jobmanager, self.kill_broker, self.kill_redis, self.flush_redis, self.slow_redis)
        for number, turn in enumerate(cycle(turns)):
            if number >= len(turns) and time.monotonic() > until:
                return
            turn()

    def kill_taskmanagers(self) -> None:
        """Kill one every few seconds, whether the one before is well again or not, and start it anew."""
        flink, count = self.servers.flink, 0
        until = time.monotonic() + STORM_SECONDS * self.scale
        while True:
            time.sleep(self.dice.uniform(0, KILL_EVERY))
            if count and time.monotonic() > until:
                break
            self.supervise()
            index = self.dice.randrange(len(flink.taskmanagers))
            self.say(f"kill -9 {flink.taskmanagers[index].name}, start another")
            flink.kill_taskmanager(index)
            flink.spawn_taskmanager(index)
            self.servers.remember()
            healed, count = time.monotonic(), count + 1
        self._recovered("taskmanager_killed", healed, count)

    def kill_jobmanager(self) -> None:
        """Kill the JobManager and start it again."""
        with self._away("the JobManager"):
            self.servers.flink.kill_jobmanager()
        self.servers.flink.start_jobmanager()
        self._recovered("jobmanager_killed", time.monotonic())

    def kill_broker(self) -> None:
        """Kill the broker and start it again."""
        with self._away("the broker"):
            self.servers.kafka.kill()
        self.servers.kafka.start()
        self._recovered("broker_killed", time.monotonic())

    def kill_redis(self) -> None:
        """Kill Redis and start it again; what it had confirmed is there still."""
        with self._away("Redis", REDIS_AWAY_SECONDS * self.scale):
            self.servers.link.cut()
            self.servers.redis.kill()
        self.servers.redis.start()
        self.servers.link.open()
        self._recovered("redis_killed", time.monotonic())

    def flush_redis(self) -> None:
        """Take everything out of Redis."""
        self.say("empty Redis")
        with redis.Redis(LOOPBACK, self.servers.redis.port) as client:
            client.flushall()
        flushed = time.monotonic()
        self.on_flush()
        self._recovered("redis_flushed", flushed)

    def slow_redis(self) -> None:
        """Make every answer of Redis late."""
        self.say(f"Redis answers {SLOW_BY * 1000:.0f} ms later for {SLOW_SECONDS * self.scale:.0f} s")
        self.servers.link.delay = SLOW_BY
        time.sleep(SLOW_SECONDS * self.scale)
        self.servers.link.delay = 0.0
        self._recovered("redis_slow", time.monotonic())

    def supervise(self) -> None:
        """Start a TaskManager anew that ended by itself, as systemd, compose and Kubernetes do; counted in `exits`."""
        flink = self.servers.flink
        for index, one in enumerate(flink.taskmanagers):
            if not one.alive:
                self.say(f"{one.name} has ended by itself: start another")
                flink.spawn_taskmanager(index)
                self.servers.remember()
                self.exits += 1

    def settle(self, healed: float) -> float:
        """Wait until all tasks run and Redis has had news steadily; gives the seconds from `healed` until they began to come."""
        until = time.monotonic() + PATIENCE_SECONDS
        steady_since: float | None = None
        while True:
            self.publisher.check()
            self.supervise()
            back = self.watch.back_at(healed) if self._runs() else None
            now = time.monotonic()
            steady_since = (steady_since or now) if back is not None else None
            if back is not None and steady_since is not None and now - max(steady_since, back) >= STEADY_SECONDS:
                return back - healed
            if now > until:
                raise SwerveError(f"the job has not recovered within {PATIENCE_SECONDS:.0f} s", f"logs: {self.servers.folder}")
            time.sleep(0.2)

    def _recovered(self, kind: str, healed: float, times: int = 1) -> None:
        seconds = self.settle(healed)
        self.say(f"new versions in Redis again after {seconds:.1f} s")
        self.faults.append(Fault(kind, times, seconds))

    @contextmanager
    def _away(self, what: str, seconds: float | None = None) -> Iterator[None]:
        seconds = seconds or max(1.0, self.dice.uniform(*AWAY_SECONDS) * self.scale)
        self.say(f"kill -9 {what}; it stays away for {seconds:.0f} s")
        yield
        time.sleep(seconds)
        self.say(f"start {what}")

    def _runs(self) -> bool:
        try:
            with FlinkRest(self.servers.flink.url) as cluster:
                job = cluster.job(self.job_id)
        except ClusterError:
            return False
        return job.job.state == "RUNNING" and job.running_tasks == job.tasks
