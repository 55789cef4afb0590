"""Features as training makes them from an archive, beside those of the profiles that the job has left in Redis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import redis

from models.bundle import Bundle
from training.examples import CANDIDATES, make_examples
from training.history import read_history
from training.profiles import follow
from udfs.archive import read_records
from udfs.features import FEATURES, columns, compute_features
from udfs.hashing import hash64
from udfs.profile import unpack_profiles
from udfs.propensity import fill
from udfs.rank import Ranker
from udfs.redis_reads import read_profile
from udfs.update import due, fire


def feature_differences(archive: Path, bundle_path: Path, client: redis.Redis) -> list[str]:
    """Compare, for every user that training knows, the features of all her candidates at the end of the log."""
    bundle = Bundle.open(bundle_path)
    history = read_history(archive)
    newest = {int(user): row for row, user in enumerate(history.events["user"].tolist())}
    wanted = np.zeros(len(history.events), np.bool_)
    wanted[list(newest.values())] = True
    profiles, _ = follow(history.events, history.users, bundle.segments, wanted)
    users = history.events["user"][wanted]
    records = list(read_records(archive, "events"))
    fire(profiles, due(profiles, max(int(record["event_time"]) for record in records) - 1))
    fill(profiles, bundle.propensity)
    trained = make_examples(bundle.tables, profiles, np.zeros(len(profiles), np.uint64))

    ids = {str(record["user_id"]) for record in records if record.get("user_id")}
    stored = {hash64(user): found.packed for user in ids if (found := read_profile(client, user)) is not None}
    known = sorted(stored)
    if len(known) != history.users:
        return [f"training knows {history.users} users, Redis {len(known)}"]
    served = unpack_profiles([stored[known[user]] for user in users.tolist()])
    candidates = Ranker(bundle, CANDIDATES).stages(served)[0]
    features = compute_features(bundle.tables, served, candidates, columns(FEATURES), CANDIDATES).reshape(trained.features.shape)
    differs = np.flatnonzero(np.any(features != trained.features, axis=(1, 2)) | np.any(candidates.item != trained.items, axis=1))
    return [f"user {known[users[r]]:016x}: {np.abs(features[r] - trained.features[r]).max(0)}" for r in differs.tolist()]
