"""Small bundles and profiles for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from models.bundle import Bundle
from models.manifest import Manifest
from models.write import write_bundle
from training.propensity.fitting import Fitted
from training.propensity.onnx_file import export
from training.rankers.onnx_file import Layer, export_mlp
from udfs.candidates import USUAL_QUOTAS
from udfs.events import EVENT, KIND
from udfs.features import FEATURES
from udfs.hashing import hash64
from udfs.profile import empty_profiles
from udfs.propensity import AFFINITY, ESTIMATES
from udfs.segments import SegmentModel
from udfs.tables import RankTables
from udfs.update import Updater
from udfs.user_features import CATEGORY_FEATURES, USER_FEATURES
from udfs.writing import spans

START = 1_709_510_400_000


def category_hash(name: str) -> int:
    return (hash64(name) >> 32) or 1


def make_tables(
    items: int = 60,
    categories: int = 4,
    segments: int = 3,
    neighbours: int = 6,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    sessions: int = 25,
    repeats: bool = False,
    **changes: Any,
) -> RankTables:
    """Random tables over items ``i0``, ``i1``, …; item i lies in the category ``c<i mod categories>``."""
    random = np.random.default_rng(seed)
    names = ids or [f"i{i}" for i in range(items)]
    items = len(names)
    hashes = np.array([category_hash(f"c{i}") for i in range(categories)], np.uint32)
    similarity = (-np.sort(-random.random((items, neighbours, 3)), 1)).astype(np.float32)
    near = np.argsort(random.random((items, items)), 1)[:, :neighbours].astype(np.int32)
    near[:, neighbours - 1] = np.where(random.random(items) < 0.3, -1, near[:, neighbours - 1])
    similarity[near < 0] = 0
    of_category = np.sort(hashes)
    item_category = hashes[np.arange(items) % categories]
    lists = [random.permutation(np.flatnonzero(item_category == c)) for c in of_category]
    longest = max(map(len, lists), default=0)
    numbers = random.random((6, items)).astype(np.float32)
    item_ids, ends = spans([name.encode() for name in names])
    everything: dict[str, Any] = {
        "item_ids": item_ids,
        "item_id_ends": ends,
        "item_hash": np.array([hash64(name) for name in names], np.uint64),
        "item_category": item_category,
        "item_subcategory": random.integers(-1, 6, items).astype(np.int32),
        "item_brand": random.integers(-1, 5, items).astype(np.int32),
        "in_stock": (random.random(items) < 0.9).astype(np.uint8),
        "log_price": np.where(random.random(items) < 0.1, 0, 5 * numbers[0]).astype(np.float32),
        "popularity": numbers[1],
        "category_popularity": numbers[2],
        "trend": numbers[3],
        "conversion": numbers[4],
        "is_new": (numbers[5] < 0.1).astype(np.float32),
        "item_vectors": random.integers(-127, 128, (items, 4)).astype(np.int8),
        "neighbours": near,
        "similarity": similarity,
        **make_sessions(items, sessions, random),
        "place_weights": 1.0 / (1.0 + np.arange(12)),
        "distance_weights": np.array([1.0, 0.5, 0.25]),
        "blend": np.array([1.0, 0.25, 0.5, 0.125]),
        "quotas": np.array([int(repeats), *USUAL_QUOTAS], np.int32),
        "categories": of_category,
        "category_items": np.array([[*items_of, *[-1] * (longest - len(items_of))] for items_of in lists], np.int32),
        "segment_items": np.array([random.permutation(items)[:20] for _ in range(segments + 5)], np.int32),
        "trending": random.permutation(items)[:10].astype(np.int32),
        "new": random.permutation(items)[:10].astype(np.int32),
        "popular": random.permutation(items).astype(np.int32),
    }
    return RankTables(**{**everything, **changes})


def make_sessions(items: int, sessions: int, random: np.random.Generator) -> dict[str, Any]:
    """Random past sessions, and the latest of each item."""
    of = [random.integers(0, items, n).tolist() for n in random.integers(2, 7, sessions if items else 0)]
    latest = [[t for t in range(len(of) - 1, -1, -1) if item in of[t]][:5] for item in range(items)]
    return {
        "session_items": np.array([item for session in of for item in session], np.int32),
        "session_ends": np.cumsum([len(session) for session in of]).astype(np.int64),
        "session_weight": random.choice([0.5, 0.75, 1.0], len(of)).astype(np.float32),
        "item_sessions": np.array([t for sessions_of in latest for t in sessions_of], np.int32),
        "item_session_ends": np.cumsum([len(sessions_of) for sessions_of in latest]).astype(np.int64),
    }


def make_segments(categories: int = 4, segments: int = 3, seed: int = 0) -> SegmentModel:
    hashes = np.sort(np.array([category_hash(f"c{i}") for i in range(categories)], np.uint32))
    return SegmentModel(hashes, np.random.default_rng(seed).random((segments, categories + 3)))


def make_ranker(features: Sequence[str] = FEATURES, seed: int = 0, hidden: Sequence[int] = (8,)) -> bytes:
    random = np.random.default_rng(seed)
    sizes = [len(features), *hidden, 1]
    layers: list[Layer] = [(random.normal(size=(n, m)) / np.sqrt(n), random.normal(size=m)) for n, m in pairwise(sizes)]
    return export_mlp(layers, features)


def make_bundle(
    out: Path,
    tables: RankTables | None = None,
    ranker: bytes | None = None,
    features: Sequence[str] = FEATURES,
    segments: int = 3,
    documents: Mapping[str, Any] | None = None,
    propensity: bytes | None = None,
) -> Bundle:
    manifest = Manifest(
        name="test", version="1", created_at=START, features=tuple(features), segments=tuple(f"segment {i}" for i in range(segments))
    )
    return write_bundle(
        out,
        manifest,
        ranker or make_ranker(features),
        tables or make_tables(segments=segments),
        make_segments(segments=segments),
        documents,
        propensity,
    )


def make_propensity(seed: int = 0) -> bytes:
    """Random models of shoppers: perceptrons, and one that says always the same."""
    random = np.random.default_rng(seed)
    models = {AFFINITY: perceptron(len(CATEGORY_FEATURES), random), **{name: perceptron(len(USER_FEATURES), random) for name in ESTIMATES}}
    return export({**models, "churn_risk": Fitted("constant", 0.25)})


def perceptron(width: int, random: np.random.Generator, hidden: int = 8) -> Fitted:
    """A random perceptron, as if it had been fitted and calibrated."""
    made = MLPClassifier((hidden,))
    made.coefs_ = [random.normal(size=(width, hidden)) / np.sqrt(width), random.normal(size=(hidden, 1))]
    made.intercepts_ = [random.normal(size=hidden), random.normal(size=1)]
    return Fitted("perceptron", 0.5, made, random.random(width), 1 + random.random(width), 0.8, -0.3)


def make_profiles(
    users: int, seed: int = 0, events: int = 15, items: int = 60, categories: int = 4, unknown: float = 0.1
) -> NDArray[np.void]:
    """Profiles after random events, some of which have items that no bundle knows."""
    random = np.random.default_rng(seed)
    n = users * events
    log = np.zeros(n, EVENT)
    item = random.integers(0, items, n)
    log["user"] = random.integers(0, users, n)
    log["kind"] = random.choice([KIND["view_item"], KIND["select_item"], KIND["add_to_cart"], KIND["purchase"], KIND["search"]], n)
    log["device"] = random.integers(0, 5, n)
    log["event_time"] = START + np.cumsum(random.choice([1_000, 60_000, 4_000_000], n, p=[0.6, 0.38, 0.02]))
    log["event_id"] = np.arange(1, n + 1)
    log["item"] = [hash64(f"i{i}") if keep else hash64(f"unknown{i}") for i, keep in zip(item, random.random(n) >= unknown, strict=True)]
    log["category"] = [category_hash(f"c{i % categories}") for i in item]
    log["quantity"] = 1
    log["price"] = np.round(random.lognormal(3, 1, n), 2)
    profiles = empty_profiles(users)
    Updater(make_segments(categories)).apply(profiles, log, latest_only=True)
    return profiles


def set_category(profile: NDArray[np.void], place: int, name: str, short: Sequence[int], long: Sequence[int]) -> None:
    """Give a profile an entry with counts by pane."""
    entry = profile["categories"][0, place : place + 1]
    entry["category"], entry["short"], entry["long"] = category_hash(name), short, long
