"""Differences between the oracle and what the job left behind: in Redis, and in the files of its output folder.

Every function gives a list of readable differences, empty where the two agree.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.oracle.archive import read_blocks
from tests.oracle.decoding import Reader
from tests.oracle.profile import Profile
from tests.oracle.run import OracleResult

VERSION_BYTES = 16
MOST = 20
CHANGE = ("user_id", "sequence", "event_time", "from_segment", "to_segment", "cause", "focus_before", "focus_after")


def assert_profiles_equal(expected: Profile, record: Any, user_id: str = "") -> None:
    """Fail with the fields that differ between the oracle's profile and a record of `udfs.profile.PROFILE`."""
    differences = profile_differences(expected, record)
    assert not differences, f"profile of {user_id}:\n  " + "\n  ".join(differences)


def profile_differences(expected: Profile, record: Any) -> list[str]:
    """One line a field that differs."""
    found = []
    for name, value in _flat(expected):
        try:
            job = _plain(record[name])
        except (ValueError, KeyError, IndexError):
            found.append(f"{name}: the job's record has no such field")
            continue
        if job != value and not (job != job and value != value):
            found.append(f"{name}: oracle {value}, job {job}" + _places(value, job))
    return found


def _flat(profile: Profile) -> Iterator[tuple[str, Any]]:
    """The fields of the oracle's profile in the shape of the job's record."""
    for name, value in vars(profile).items():
        if name == "categories":
            yield name, [(entry.category, entry.own, entry.evidence, entry.short, entry.long, entry.affinity) for entry in value]
        else:
            yield name, value


def _plain(value: Any) -> Any:
    """NumPy's arrays and records, those inside others too, as lists, tuples and numbers."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(part) for part in value)
    return value


def _places(expected: Any, job: Any) -> str:
    if not isinstance(expected, list) or not isinstance(job, list) or len(expected) != len(job):
        return ""
    places = [i for i, (x, y) in enumerate(zip(expected, job, strict=True)) if x != y]
    return "; at " + ", ".join(f"[{i}] {expected[i]} / {job[i]}" for i in places)


def compare_redis(result: OracleResult, client: Any, prefix: str = "", surfaces: Iterable[str] = ("home",)) -> list[str]:
    """Compare every user's values and packed profile; `client` is a `redis.Redis` without decoding of responses."""
    from udfs.profile import unpack_profiles

    found: list[str] = []
    last = result.last_requests()
    for user_id, request in last.items():
        for surface in surfaces:
            stored = client.get(f"{prefix}rec:{{{user_id}}}:{surface}")
            if stored is None:
                found.append(f"{user_id}: no value for {surface}")
                continue
            found += [f"{user_id} {surface}: {line}" for line in value_differences(result.values[user_id][surface], stored.decode())]
        packed = client.get(f"{prefix}profile:{{{user_id}}}")
        if packed is None:
            found.append(f"{user_id}: no profile")
            continue
        version = (int.from_bytes(packed[:8], "big"), int.from_bytes(packed[8:VERSION_BYTES], "big"))
        if version != request.version:
            found.append(f"{user_id}: version {version}, oracle {request.version}")
        record = unpack_profiles([packed[VERSION_BYTES:]])[0]
        found += [f"{user_id} profile: {line}" for line in profile_differences(result.served[user_id], record)]
    for kind, pattern in (("rec", f"{prefix}rec:{{*}}:*"), ("profile", f"{prefix}profile:{{*}}")):
        there = {re.sub(r"^.*?\{(.*)\}.*$", r"\1", key.decode()) for key in client.scan_iter(match=pattern, count=10_000)}
        found += [f"{user_id}: a {kind} key, but she asked for no ranking" for user_id in sorted(there - set(last))]
    return _shortened(found)


def value_differences(expected: str, job: str) -> list[str]:
    """Compare the JSON of a surface byte by byte, the number in `generated_at` left out."""
    if re.sub(r'"generated_at":\d+', '"generated_at":0', job, count=1) == expected:
        return []
    return json_differences(json.loads(expected), json.loads(job)) or ["the same content, but not the same text"]


def json_differences(expected: Any, job: Any, path: str = "") -> list[str]:
    """Differences between two JSON documents, `generated_at` left out."""
    if isinstance(expected, dict) and isinstance(job, dict):
        found = []
        for key in sorted((set(expected) | set(job)) - {"generated_at"}):
            found += json_differences(expected.get(key, "nothing"), job.get(key, "nothing"), f"{path}.{key}")
        return found
    if isinstance(expected, list) and isinstance(job, list) and len(expected) == len(job):
        return [line for i, (x, y) in enumerate(zip(expected, job, strict=True)) for line in json_differences(x, y, f"{path}[{i}]")]
    return [] if expected == job and type(expected) is type(job) else [f"{path}: oracle {expected!r}, job {job!r}"]


def read_records(folder: Path, prefix: str) -> Iterator[dict[str, Any]]:
    """All records of the files `prefix-*.avro` of a folder, times in milliseconds."""
    for path in sorted(folder.glob(f"{prefix}-*.avro")):
        for block in read_blocks(path):
            reader = Reader(block.bytes_.getvalue(), block.writer_schema)
            for _ in range(block.num_records):
                yield reader.value(block.writer_schema)[1]


def compare_changes(result: OracleResult, out: Path) -> list[str]:
    """Compare the segment changes of `segments-*.avro`; what was written twice has the same `change_id`."""
    job: dict[str, tuple[Any, ...]] = {}
    found = []
    for record in read_records(out, "segments"):
        change = tuple(record[name] for name in CHANGE)
        if job.setdefault(record["change_id"], change) != change:
            found.append(f"one change_id for two changes: {job[record['change_id']]}, {change}")
    oracle = Counter(
        (c.user_id, c.sequence, c.event_time, c.segment_from, c.segment_to, c.cause, c.focus_before, c.focus_after) for c in result.changes
    )
    return _shortened(found + _missing_and_extra(oracle, Counter(job.values()), "change"))


def compare_dead_letters(result: OracleResult, out: Path) -> list[str]:
    """Compare reasons, positions and original bytes with `dead-letters-*.avro`; a position written twice counts once."""
    records = list(read_records(out, "dead-letters"))
    placed = {r.offset is not None for r in result.rejects}
    if placed == {True}:
        job = Counter({(r["reason"], r["partition"], r["offset"], r["value"]) for r in records})
        oracle = Counter((r.reason, r.partition, r.offset, r.value or b"") for r in result.rejects)
        job = Counter({(reason, partition, offset, value or b"") for reason, partition, offset, value in job})
    else:
        job = Counter((r["reason"], None, None, r["value"] or b"") for r in records)
        oracle = Counter((r.reason, None, None, r.value or b"") for r in result.rejects)
    return _shortened(_missing_and_extra(oracle, job, "dead letter"))


def _missing_and_extra(oracle: Counter[Any], job: Counter[Any], what: str) -> list[str]:
    return [f"no such {what} of the job: {_clip(x)}" for x in (oracle - job).elements()] + [
        f"a {what} of the job only: {_clip(x)}" for x in (job - oracle).elements()
    ]


def _clip(x: object) -> str:
    text = repr(x)
    return text if len(text) < 300 else text[:300] + "…"


def _shortened(found: list[str]) -> list[str]:
    return found if len(found) <= MOST else [*found[:MOST], f"… and {len(found) - MOST} more"]
