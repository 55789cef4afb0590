"""The cases of an evaluation through the real job.

Redis holds what a user is shown last. So every beginning of a session becomes a user of its own, whose log ends there: what Redis
holds of her after the replay is what the job showed at that moment.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
import numpy as np
import orjson
import redis
from numpy.typing import NDArray

from jobs.replay import index_archive, replay
from jobs.settings import Settings
from udfs.archive import Index
from udfs.archive_records import read_events
from udfs.archive_writer import BLOCK_RECORDS, ArchiveWriter
from udfs.hashing import event_id_hashes
from udfs.keys import fallback_key, profile_key, recommendations_key
from udfs.rank import segment_ids
from udfs.redis_connection import connect
from udfs.schemas import load

SURFACE = "home"
KEYS_AT_ONCE = 500

Progress = Callable[[int, int], None]


class Beginnings(NamedTuple):
    """Logs that end where a case asks.

    Attributes
    ----------
    events : u8[n]
        Event id hashes of the test log, user by user, each in log order.
    starts, ends : i8[C]
        The events of each case: all that its user did up to the newest click.
    users : list of str
        C ids, no two alike.
    """

    events: NDArray[np.uint64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    users: Sequence[str]

    @property
    def size(self) -> int:
        """Events of all cases together."""
        return int((self.ends - self.starts).sum())


def write_beginnings(test: Path, beginnings: Beginnings, out: Path) -> None:
    """Write an archive in which every beginning is a user of its own; only event ids and users differ from the test log.

    Parameters
    ----------
    test
        The test log.
    beginnings
        The cases.
    out
        Folder of the new archive.
    """
    schema = fastavro.parse_schema(load("shop_event"))
    wanted = {int(event): b"" for start, end in zip(beginnings.starts.tolist(), beginnings.ends.tolist(), strict=True)
              for event in beginnings.events[start:end]}  # fmt: skip
    for records in _batches(read_events(test)):
        for record, event in zip(records, event_id_hashes(record["event_id"] for record in records).tolist(), strict=True):
            if wanted.get(event) == b"":
                wanted[event] = _rest(schema, record)
    with ArchiveWriter(out, load("shop_event")) as writer:
        body: list[bytes] = []
        for case, user in enumerate(beginnings.users):
            name = _text(user)
            for n, event in enumerate(beginnings.events[beginnings.starts[case] : beginnings.ends[case]].tolist()):
                body += (_text(f"{case}-{n}"), name, wanted[event])
                if len(body) == 3 * BLOCK_RECORDS:
                    writer.append(b"".join(body), BLOCK_RECORDS)
                    body = []
        writer.append(b"".join(body), len(body) // 3)


def lists_of_job(archive: Index, users: Sequence[str], settings: Settings, progress: Progress | None = None) -> list[list[str]]:
    """Replay beginnings through the job, and read what Redis then holds of each.

    Parameters
    ----------
    archive
        Index of what `write_beginnings` wrote.
    users
        Whose lists are wanted.
    settings
        Where Redis is, under which prefix, and which bundle serves; what was written is taken away again.
    progress
        Called with the events replayed and to replay.

    Returns
    -------
    list of list of str
        Item ids by user, best first; none for a user of whom Redis holds nothing.

    Raises
    ------
    jobs.replay.JobFailed
        The job ended with an error.
    """
    replay(archive, settings, (lambda so_far, total: progress(so_far.events, total)) if progress else None)
    secret = settings.redis.password
    assert settings.redis.url is not None
    with connect(settings.redis.url, secret.get_secret_value() if secret else None) as client:
        prefix = settings.redis.prefix
        lists = []
        for start in range(0, len(users), KEYS_AT_ONCE):
            some = users[start : start + KEYS_AT_ONCE]
            with client.pipeline(transaction=False) as pipeline:
                for user in some:
                    pipeline.mget([recommendations_key(user, SURFACE, prefix)])
                lists += [_items(value) for (value,) in pipeline.execute()]
        if prefix:
            _take_away(client, users, settings)
    return lists


def index_of(archive: Path, settings: Settings) -> Index:
    """Index what `write_beginnings` wrote."""
    return index_archive(archive, settings)


def _take_away(client: redis.Redis, users: Sequence[str], settings: Settings) -> None:
    from models.bundle import Bundle

    prefix, segments = settings.redis.prefix, len(Bundle.open(settings.model.path).segments.centroids)
    for start in range(0, len(users), KEYS_AT_ONCE):
        with client.pipeline(transaction=False) as pipeline:
            for user in users[start : start + KEYS_AT_ONCE]:
                pipeline.delete(recommendations_key(user, SURFACE, prefix))
                pipeline.delete(profile_key(user, prefix))
            pipeline.execute()
    for segment in (None, *segment_ids(segments)):
        client.delete(fallback_key(SURFACE, segment, prefix))


def _items(value: Any) -> list[str]:
    return [item["item_id"] for item in orjson.loads(value)["items"]] if value else []


def _batches(records: Any, size: int = 10_000) -> Any:
    batch = []
    for record in records:
        batch.append(record)
        if len(batch) == size:
            yield batch
            batch = []
    yield batch


def _rest(schema: Any, record: dict[str, Any]) -> bytes:
    """Encode what follows event id and user, which are the first two fields."""
    datum = io.BytesIO()
    fastavro.schemaless_writer(datum, schema, record)
    return datum.getvalue()[len(_text(record["event_id"])) + len(_text(record["user_id"])) :]


def _text(text: str) -> bytes:
    datum = io.BytesIO()
    fastavro.schemaless_writer(datum, "string", text)
    return datum.getvalue()
