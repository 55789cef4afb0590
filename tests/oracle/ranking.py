"""Section "Ranking", score and value: a ranked profile, and the JSON that Redis holds."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from tests.oracle.bundle import Bundle
from tests.oracle.candidates import SIMILAR, Candidate, Place, Similar, candidates, ring, similar_items
from tests.oracle.constants import DEVICES, ITEMS
from tests.oracle.estimates import Estimator
from tests.oracle.features import features
from tests.oracle.profile import Profile
from tests.oracle.segments import for_ranking

REASONS = ("similar", "interest", "segment", "trending", "new", "interest", "segment", "popular", "seen")
SCORE_LIMIT = 999_999_999.0


@dataclass(frozen=True)
class Ranked:
    """One recommended item."""

    item_id: str
    score: float
    reason: str


class Ranker:
    """Ranks one profile at a time with a bundle.

    Parameters
    ----------
    folder : Path
        The bundle's.
    k : int
        Candidates scored.
    n : int
        Items recommended.
    percent : int
        Of them that may be of one category while there are others.
    """

    def __init__(self, folder: Path, k: int = 100, n: int = 20, percent: int = 100) -> None:
        self.bundle, self.k, self.n, self.most = Bundle(folder), k, n, max(1, n * percent // 100)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(folder / "ranker.onnx"), options, providers=["CPUExecutionProvider"])
        self.estimator = Estimator(folder)
        self.names: list[str] = json.loads(self.session.get_modelmeta().custom_metadata_map["swerve.features"])

    def served(self, profile: Profile) -> Profile:
        """A profile as it is ranked, and stands in Redis."""
        return self.estimator.served(for_ranking(profile, self.bundle.segments))

    def rank(self, profile: Profile) -> list[Ranked]:
        """The items of a profile, best first."""
        profile = self.estimator.served(profile)
        places = ring(profile, self.bundle)
        similar = similar_items(places, self.bundle)
        found = candidates(profile, self.bundle, places, similar, self.k)
        table = [features(profile, self.bundle, places, similar, candidate) for candidate in found]
        scores = self.score([[row[name] for name in self.names] for row in table], [candidate.item for candidate in found], places)
        return [self._ranked(found[i], scores[i], similar) for i in self._choose(found, scores)]

    def score(self, rows: list[list[float]], items: list[int], places: list[Place]) -> list[float]:
        """The scores of a user's candidates, as one block of rows."""
        block = np.zeros((4 * math.ceil(self.k / 4), len(self.names)), np.float32)
        if rows:
            with np.errstate(over="ignore"):
                block[: len(rows)] = np.array(rows, np.float64).astype(np.float32)
        numbers, sequence = np.full(len(block), -1, np.int64), np.full((1, ITEMS), -1, np.int64)
        numbers[: len(items)] = items
        for place in places:
            sequence[0, place.j] = place.item
        inputs = {"features": block, "items": numbers, "sequence": sequence}
        output = self.session.run(None, {asked.name: inputs[asked.name] for asked in self.session.get_inputs()})[0]
        return [float(score) for score in np.asarray(output).reshape(-1)[: len(rows)]]

    def _choose(self, found: list[Candidate], scores: list[float]) -> list[int]:
        """The positions of the chosen candidates: by score, no category filling the list."""
        order = sorted((i for i in range(len(found)) if math.isfinite(scores[i])), key=lambda i: (-scores[i], i))
        chosen: list[int] = []
        left_out: list[int] = []
        of_category: dict[int, int] = {}
        for i in order:
            category = self.bundle.tables["item_category"][found[i].item]
            if len(chosen) == self.n:
                break
            if of_category.get(category, 0) >= self.most:
                left_out.append(i)
            else:
                of_category[category] = of_category.get(category, 0) + 1
                chosen.append(i)
        return chosen + left_out[: self.n - len(chosen)]

    def _ranked(self, candidate: Candidate, score: float, similar: Similar) -> Ranked:
        reason = REASONS[candidate.source]
        if candidate.source == SIMILAR:
            reason += ":" + self.bundle.item_ids[similar.anchor[candidate.item]]
        return Ranked(self.bundle.item_ids[candidate.item], score, reason)

    def value(self, user_id: str, profile: Profile, surface: str, generated_at: int = 0) -> str:
        """The JSON of a user's surface."""
        profile = for_ranking(profile, self.bundle.segments)
        version = str(self.bundle.manifest["version"])
        parts = (user_id, surface, str(profile.clock), str(profile.n_events), version)
        items = ",".join(
            f'{{"item_id":{text(item.item_id)},"score":{score_text(item.score)},"reason":{text(item.reason)}}}'
            for item in self.rank(profile)
        )
        return (
            f'{{"v":1,"recommendation_id":"{hashlib.blake2b(chr(0x1F).join(parts).encode(), digest_size=12).hexdigest()}"'
            f',"user_id":{text(user_id)},"surface":{text(surface)},"event_time":{profile.clock},"generated_at":{generated_at}'
            f',"segment":{{"id":{profile.segment},"name":{text(self.bundle.segment_name(profile.segment, DEVICES))}}}'
            f',"model":{{"name":{text(str(self.bundle.manifest["name"]))},"version":{text(version)}}},"items":[{items}]}}'
        )


def text(value: str) -> str:
    """A JSON string with the escapes of the page."""
    short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(short.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in value) + '"'


def score_text(score: float) -> str:
    """A score with exactly four decimals."""
    q = math.floor(max(-SCORE_LIMIT, min(SCORE_LIMIT, score)) * 10_000 + 0.5)
    return f"{'-' if q < 0 else ''}{abs(q) // 10_000}.{abs(q) % 10_000:04d}"
