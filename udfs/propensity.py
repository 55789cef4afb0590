"""Estimates of a shopper: any ONNX file that keeps the contract of docs/semantics.md, section "Estimates"."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from udfs.tables import BundleError
from udfs.user_features import CATEGORY_FEATURES, USER_FEATURES, category_features, padded, user_features

#: Each input has its columns named in `metadata_props`, under `swerve.` and its name.
USERS, CATEGORIES = "user_features", "category_features"
KNOWN = {USERS: USER_FEATURES, CATEGORIES: CATEGORY_FEATURES}
#: Outputs with a row a user, which are fields of the profile, and the one with a row a category.
ESTIMATES = ("click_propensity", "purchase_propensity", "churn_risk")
AFFINITY = "affinity"


class Estimates(NamedTuple):
    """What a bundle thinks of some users.

    Attributes
    ----------
    users : f4[3, R]
        In the order of `ESTIMATES`, 0 to 1.
    affinity : f4[m]
        Of each category, 0 to 1.
    user, entry : i4[m]
        Whose each category is, and which of her entries.
    """

    users: NDArray[np.float32]
    affinity: NDArray[np.float32]
    user: NDArray[np.int32]
    entry: NDArray[np.int32]


class Propensities:
    """Estimates what shoppers will do.

    Parameters
    ----------
    model : bytes
        The ONNX file.
    where
        What to call the file in errors.

    Attributes
    ----------
    columns : dict of tuple of str
        Names of the columns of each input.

    Raises
    ------
    BundleError
        Not an ONNX file, wrong inputs or outputs, features that are not known, or results that are no probabilities.
    """

    def __init__(self, model: bytes, where: str = "propensity.onnx") -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises classes of its own, without a common base
            raise BundleError(f"{where} is no model that ONNX Runtime can run: {' '.join(str(error).split())[:200]}") from error
        inputs = {i.name: i for i in self._session.get_inputs()}
        if USERS not in inputs or not inputs.keys() <= KNOWN.keys():
            raise BundleError(f"{where} takes {', '.join(inputs) or 'nothing'}; it should take {USERS}, and may take {CATEGORIES}")
        self.columns = {name: _columns(self._session, name, where) for name in inputs}
        for name, given in inputs.items():
            _check_input(given, len(self.columns[name]), where)
        self._outputs = (*ESTIMATES, AFFINITY) if CATEGORIES in inputs else ESTIMATES
        there = [o.name for o in self._session.get_outputs()]
        if missing := [name for name in self._outputs if name not in there]:
            raise BundleError(f"{where} does not give {', '.join(missing)}", f"its outputs are {', '.join(there)}")
        self._takes = {
            name: None if names == KNOWN[name] else np.array([KNOWN[name].index(one) for one in names], np.int64)
            for name, names in self.columns.items()
        }
        self._try(where)

    def estimate(self, profiles: NDArray[np.void]) -> Estimates:
        """Estimate in one call.

        Parameters
        ----------
        profiles : PROFILE[R]
            One profile a user.
        """
        feed = {USERS: self._taken(USERS, user_features(profiles))}
        user = entry = np.empty(0, np.int32)
        if CATEGORIES in self.columns:
            rows, user, entry = category_features(profiles)
            feed[CATEGORIES] = self._taken(CATEGORIES, rows)
        found = [_probabilities(values) for values in self._session.run(self._outputs, feed)]
        affinity = found[3][: len(user)] if len(found) > len(ESTIMATES) else np.empty(0, np.float32)
        return Estimates(np.stack([values[: len(profiles)] for values in found[: len(ESTIMATES)]]), affinity, user, entry)

    def _taken(self, name: str, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        at = self._takes[name]
        return rows if at is None else np.ascontiguousarray(rows[:, at])

    def _try(self, where: str) -> None:
        random = np.random.default_rng(0)
        rows = {USERS: padded(7), CATEGORIES: padded(11)}
        feed = {name: (4 * random.random((rows[name], len(names)))).astype(np.float32) for name, names in self.columns.items()}
        for table in feed.values():
            table[:2] = 0
        try:
            found = self._session.run(self._outputs, feed)
        except Exception as error:
            raise BundleError(f"{where} fails on a sample: {' '.join(str(error).split())[:200]}") from error
        for name, values in zip(self._outputs, found, strict=True):
            count = rows[CATEGORIES if name == AFFINITY else USERS]
            if values.dtype != np.float32 or values.shape not in ((count,), (count, 1)):
                raise BundleError(f"{name} of {where} is {values.dtype}{list(values.shape)} for {count} rows; it should be float32")
            if not np.all((values >= 0) & (values <= 1)):
                raise BundleError(f"{name} of {where} has values that are no probabilities")


def fill(profiles: NDArray[np.void], propensities: Propensities | None) -> None:
    """Write what a bundle thinks of them into profiles that are going to be ranked.

    Parameters
    ----------
    profiles : PROFILE[R]
        Changed in place: the fields `ESTIMATES`, and `affinity` of each category.
    propensities
        Of the bundle that ranks; none: everything becomes 0.
    """
    profiles["categories"]["affinity"] = 0
    if propensities is None:
        for name in ESTIMATES:
            profiles[name] = 0
        return
    found = propensities.estimate(profiles)
    for name, values in zip(ESTIMATES, found.users, strict=True):
        profiles[name] = values
    profiles["categories"]["affinity"][found.user, found.entry] = np.floor(255.0 * found.affinity.astype(np.float64) + 0.5)


def _probabilities(values: Any) -> NDArray[np.float32]:
    flat = np.asarray(values, np.float32).reshape(-1)
    return np.where(flat >= 0, np.minimum(flat, np.float32(1)), np.float32(0))


def _columns(session: ort.InferenceSession, name: str, where: str) -> tuple[str, ...]:
    key = f"swerve.{name}"
    text = session.get_modelmeta().custom_metadata_map.get(key)
    if text is None:
        raise BundleError(f"{where} does not name the columns of {name}", f"metadata_props needs the key {key} with a JSON list of names")
    try:
        names: Any = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not names or not all(isinstance(one, str) for one in names) or len(set(names)) != len(names):
        raise BundleError(f"{key} of {where} is not a JSON list of distinct names")
    if unknown := [one for one in names if one not in KNOWN[name]]:
        raise BundleError(f"{where} wants {name} that are not known: {', '.join(unknown)}", f"known are {', '.join(KNOWN[name])}")
    return tuple(names)


def _check_input(given: Any, width: int, where: str) -> None:
    shape: Sequence[Any] = given.shape
    if given.type != "tensor(float)" or len(shape) != 2 or isinstance(shape[0], int) or (isinstance(shape[1], int) and shape[1] != width):
        raise BundleError(f"{given.name} of {where} is {given.type} {list(shape)}; it should be float, [any number of rows, {width}]")
