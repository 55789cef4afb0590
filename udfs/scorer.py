"""The ranker of a bundle: any ONNX file that keeps the contract of docs/semantics.md, section "Score"."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from udfs.profile import RING
from udfs.tables import BundleError

INPUT, METADATA = "features", "swerve.features"
#: What a ranker may ask for beside the features: the numbers of the candidates, and those of each user's ring, newest first.
ITEMS, SEQUENCE = "items", "sequence"
TYPES = {INPUT: "tensor(float)", ITEMS: "tensor(int64)", SEQUENCE: "tensor(int64)"}
BLOCK = 4


def padded(candidates: int) -> int:
    """Rows of a user's block: a whole number of the row groups of matrix kernels, so that no score depends on its neighbours."""
    return -(-candidates // BLOCK) * BLOCK


class Scorer:
    """Scores rows of features.

    Parameters
    ----------
    model : bytes
        The ONNX file.
    known
        Names of the features that we can compute.
    features
        Names in the manifest, in the order of the columns; None: the file alone says.
    where
        What to call the file in errors.

    Attributes
    ----------
    features : tuple of str
        Names of the columns, in order.
    inputs : frozenset of str
        What it asks for.

    Raises
    ------
    BundleError
        Not an ONNX file, wrong input or output, features that differ from the manifest's or are not known, or scores that are not finite.
    """

    def __init__(self, model: bytes, known: Sequence[str], features: Sequence[str] | None = None, where: str = "ranker.onnx") -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises classes of its own, without a common base
            raise BundleError(f"{where} is no model that ONNX Runtime can run: {' '.join(str(error).split())[:200]}") from error
        self.features = _features(self._session, where)
        unknown = [name for name in self.features if name not in known]
        if unknown:
            raise BundleError(f"{where} wants features that are not known: {', '.join(unknown)}", f"known are {', '.join(known)}")
        if features is not None and tuple(features) != self.features:
            raise BundleError(f"the features of {where} are not those of the manifest: {', '.join(self.features)}; {', '.join(features)}")
        self.inputs = frozenset(i.name for i in self._session.get_inputs())
        self._output = _check_interface(self._session, len(self.features), where)
        self._try(where)

    def score(
        self, rows: NDArray[np.float32], items: NDArray[np.int32] | None = None, sequence: NDArray[np.int32] | None = None
    ) -> NDArray[np.float32]:
        """Score rows in one call.

        Parameters
        ----------
        rows : f4[n, F]
            Contiguous; n a whole number of blocks.
        items : i4[R, K]
            Candidates, -1 where there is none: K places a user of the n / R rows that she has. None: no user has any.
        sequence : i4[R, 12]
            Item numbers of each user's ring, newest first, -1: none.

        Returns
        -------
        f4[n]
        """
        feed: dict[str, NDArray[Any]] = {INPUT: rows}
        if ITEMS in self.inputs:
            users = len(items) if items is not None else 1
            numbers = np.full((users, len(rows) // max(1, users)), -1, np.int64)
            if items is not None:
                numbers[:, : items.shape[1]] = items
            feed[ITEMS] = numbers.reshape(-1)
        if SEQUENCE in self.inputs:
            feed[SEQUENCE] = np.full((1, RING), -1, np.int64) if sequence is None else sequence.astype(np.int64)
        (scores,) = self._session.run([self._output], feed)
        return np.asarray(scores, dtype=np.float32).reshape(len(rows))

    def _try(self, where: str) -> None:
        samples = np.concatenate([np.zeros((BLOCK, len(self.features))), np.random.default_rng(0).random((3 * BLOCK, len(self.features)))])
        rows = samples.astype(np.float32)
        feed = {INPUT: rows, ITEMS: np.full(len(rows), -1, np.int64), SEQUENCE: np.full((1, RING), -1, np.int64)}
        try:
            (scores,) = self._session.run([self._output], {name: feed[name] for name in self.inputs})
        except Exception as error:
            raise BundleError(f"{where} fails on a sample: {' '.join(str(error).split())[:200]}") from error
        if scores.shape not in ((len(samples),), (len(samples), 1)):
            raise BundleError(f"{where} gives scores of the shape {list(scores.shape)} for {len(samples)} rows")
        if not np.all(np.isfinite(scores)):
            raise BundleError(f"{where} gives scores that are not finite")


def _features(session: ort.InferenceSession, where: str) -> tuple[str, ...]:
    text = session.get_modelmeta().custom_metadata_map.get(METADATA)
    if text is None:
        raise BundleError(f"{where} does not name its features", f"metadata_props needs the key {METADATA} with a JSON list of names")
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        raise BundleError(f"{METADATA} of {where} is not a JSON list of distinct names")
    return tuple(names)


def _check_interface(session: ort.InferenceSession, width: int, where: str) -> str:
    inputs = {i.name: i for i in session.get_inputs()}
    if INPUT not in inputs or any(TYPES.get(name) != i.type for name, i in inputs.items()):
        described = ", ".join(f"{i.name}: {i.type}" for i in inputs.values())
        wanted = ", ".join(f"{name}: {kind}" for name, kind in TYPES.items())
        raise BundleError(f"{where} takes {described}; it should take {INPUT}, and may take the others, of {wanted}")
    shape = inputs[INPUT].shape
    if len(shape) != 2 or isinstance(shape[0], int) or (isinstance(shape[1], int) and shape[1] != width):
        raise BundleError(f"{INPUT} of {where} has the shape {shape}; it should be [any number of rows, {width}]")
    output = session.get_outputs()[0]
    if output.type != "tensor(float)":
        raise BundleError(f"the first output of {where} is {output.type}; it should be a float tensor")
    return str(output.name)
