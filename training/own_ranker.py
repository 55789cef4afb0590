"""A ranker from elsewhere: made to keep the contract, and measured as training measures its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.bundle import Bundle
from training.examples import quality, rounded
from training.lessons import lessons_of
from training.measured import measures, spread
from training.rankers.choosing import score
from training.rankers.selecting import importance
from training.split import Progress
from udfs.features import FEATURES
from udfs.scorer import METADATA, Scorer

SCORE = "score"


class Measured(NamedTuple):
    """What a bundle tells of a ranker: metrics of the manifest, and documents by name."""

    metrics: dict[str, Any]
    documents: dict[str, Any]


def as_ranker(model: onnx.ModelProto, features: Sequence[str], output: str | None = None, column: int | None = None) -> bytes:
    """Name a model's features, and let its first output be the score.

    Parameters
    ----------
    model
        With an input `features`, and perhaps `items` and `sequence`; it is not changed.
    features
        Names of the columns, in order.
    output
        Which output is the score; None: the first. The others go.
    column
        Which column of it, where it has several, as the probabilities of classes.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    ValueError
        There is no such output.
    """
    named = onnx.ModelProto()
    named.CopyFrom(model)
    outputs = {value.name: value for value in named.graph.output}
    output = output or next(iter(outputs), "")
    if output not in outputs:
        raise ValueError(f"the model has no output {output!r}; it has {', '.join(outputs)}")
    scores = outputs[output]
    del named.graph.output[:]
    if column is None:
        named.graph.output.append(scores)
    else:
        named.graph.initializer.append(numpy_helper.from_array(np.array([column], np.int64), "column_of_score"))
        named.graph.node.append(helper.make_node("Gather", [output, "column_of_score"], [SCORE], axis=1))
        named.graph.output.append(helper.make_tensor_value_info(SCORE, TensorProto.FLOAT, ["rows", 1]))
    helper.set_model_props(named, {METADATA: json.dumps(list(features))})
    onnx.checker.check_model(named)
    data: bytes = named.SerializeToString()
    return data


def measure_ranker(model: bytes, archive: Path, bundle: Bundle, progress: Progress | None = None) -> Measured:
    """Measure a ranker on the last sessions of an archive; it must not have learned from them.

    Parameters
    ----------
    model
        The ONNX file.
    archive
        Folder of events; see `lessons_of`.
    bundle
        That it shall rank for.
    progress
        Called with the work done and to do.

    Raises
    ------
    BundleError
        The file does not keep the contract.
    """
    features = Scorer(model, FEATURES).features
    _, check, cuts = lessons_of(archive, bundle, progress)
    report = importance(score, check, features, model, int(bundle.manifest.training.get("seed", 0)))
    documents = {
        "features": {"features": [{**one, "kept": True} for one in report]},
        "reference": spread(model, features, check),
    }
    return Measured(measures(check, cuts, rounded(quality(check, score(model, check)))), documents)
