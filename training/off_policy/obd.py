"""Logs of the Open Bandit Dataset: one item at one of three positions, whether it was clicked, and with what probability it stood there.

Y. Saito, S. Aihara, M. Matsutani, Y. Narita, "Open Bandit Dataset and Pipeline: towards realistic and reproducible off-policy evaluation",
NeurIPS 2021, Datasets and Benchmarks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.off_policy.bandit import BanditLog, Policy
from udfs.errors import SwerveError

NEEDED = ("timestamp", "item_id", "position", "click", "propensity_score")
USER, AFFINITY = "user_feature_", "user-item_affinity_"
POLICY = ("item_id", "probability")


def read_log(path: Path, items: int | None = None) -> BanditLog:
    """Read a log.

    Parameters
    ----------
    path
        CSV, perhaps packed with gzip.
    items
        How many there are; default: as many as the log, or its affinities, name.

    Raises
    ------
    SwerveError
        If it cannot be read or is no such log.
    """
    table = _read(path)
    missing = [name for name in NEEDED if name not in table.columns]
    if missing:
        raise SwerveError(f"{path} has no column {missing[0]}", f"a log of the Open Bandit Dataset has {', '.join(NEEDED)}")
    if table.is_empty():
        raise SwerveError(f"{path} has no rows")
    try:
        log = _log(table, items)
    except (pl.exceptions.PolarsError, ValueError, TypeError) as error:
        raise SwerveError(f"{path} holds something that is not what its column says: {str(error).splitlines()[0]}") from None
    bad = ~((log.propensity > 0) & (log.propensity <= 1))
    if bad.any():
        raise SwerveError(f"{path}, line {int(bad.argmax()) + 2}: a propensity is above 0 and at most 1")
    if not np.isin(log.reward, (0, 1)).all():
        raise SwerveError(f"{path}, line {int((~np.isin(log.reward, (0, 1))).argmax()) + 2}: click is 0 or 1")
    if int(log.item.min()) < 0 or int(log.item.max()) >= log.items:
        raise SwerveError(f"{path} has an item_id that is not below {log.items}", "does --items belong to this log?")
    return log


def read_item_features(path: Path) -> NDArray[np.float64]:
    """Read the file of item contexts: numbers as they are, texts one-hot.

    Returns
    -------
    f8[items, D]
        In the order of `item_id`.
    """
    table = _read(path)
    features = [name for name in table.columns if name.startswith("item_feature_")]
    if "item_id" not in table.columns or not features:
        raise SwerveError(f"{path} holds no item contexts", "it has the columns item_id and item_feature_0, …")
    table = table.sort("item_id")
    if table["item_id"].to_list() != list(range(len(table))):
        raise SwerveError(f"{path}: its item ids are not 0, 1, 2, …")
    parts = []
    for name in features:
        column = table[name]
        if column.dtype.is_numeric():
            parts.append(column.cast(pl.Float64).fill_null(0.0).to_numpy()[:, None])
        else:
            _, number = np.unique(column.fill_null("").to_numpy(), return_inverse=True)
            parts.append(np.eye(int(number.max()) + 1)[number])
    return np.hstack(parts)


def read_policy(path: Path, log: BanditLog) -> Policy:
    """Read a table of a policy: `item_id`, `probability`, and `position` (as in the log) where they differ by it.

    Raises
    ------
    SwerveError
        If it does not give the probabilities of one item at each position.
    """
    table = _read(path)
    missing = [name for name in POLICY if name not in table.columns]
    if missing:
        raise SwerveError(f"{path} is no policy: it has no column {missing[0]}", "it is a CSV of item_id,position,probability, or a log")
    items = table["item_id"].cast(pl.Int64, strict=False).to_numpy()
    chance = table["probability"].cast(pl.Float64, strict=False).to_numpy()
    where = table["position"].cast(pl.Int64, strict=False).to_numpy() - 1 if "position" in table.columns else None
    if np.any(~(np.isfinite(items) & (items >= 0) & (items < log.items))):
        raise SwerveError(f"{path} has an item_id that is not below {log.items}")
    if where is not None and np.any(~(np.isfinite(where) & (where >= 0) & (where < log.positions))):
        raise SwerveError(f"{path} has a position that is not between 1 and {log.positions}")
    policy = np.zeros((log.positions, log.items))
    for position in range(log.positions):
        here = np.ones(len(items), np.bool_) if where is None else where == position
        np.add.at(policy[position], items[here].astype(np.int64), chance[here])
    sums = policy.sum(1)
    if np.any(~(policy >= 0)) or np.any(np.abs(sums - 1) > 1e-3):
        raise SwerveError(f"{path}: the probabilities of a position add up to {sums[np.abs(sums - 1).argmax()]:.3g}, not 1")
    return np.asarray(policy / sums[:, None], np.float64)


def is_log(path: Path) -> bool:
    """Whether a file is a log, and not a table of a policy."""
    return "propensity_score" in _read(path, rows=1).columns


def _log(table: pl.DataFrame, items: int | None) -> BanditLog:
    users = [name for name in table.columns if name.startswith(USER)]
    affinities = [name for name in table.columns if name.startswith(AFFINITY)]
    item = table["item_id"].cast(pl.Int32).to_numpy()
    position = table["position"].cast(pl.Int32).to_numpy() - 1
    if np.any(position < 0):
        raise ValueError("positions count from 1")
    categories = [np.unique(table[name].cast(pl.String).fill_null("").to_numpy(), return_inverse=True)[1] for name in users]
    count = items or max(int(item.max(initial=-1)) + 1, len(affinities))
    return BanditLog(
        item,
        position,
        table["click"].cast(pl.Float64).to_numpy(),
        table["propensity_score"].cast(pl.Float64).to_numpy(),
        table["timestamp"].cast(pl.String).str.to_datetime(time_unit="ms", time_zone="UTC", strict=True).to_physical().to_numpy(),
        np.column_stack(categories).astype(np.int32) if users else np.zeros((len(table), 0), np.int32),
        table.select(affinities).cast(pl.Float32).to_numpy() if len(affinities) == count else None,
        count,
        int(position.max(initial=0)) + 1,
    )


def _read(path: Path, rows: int | None = None) -> pl.DataFrame:
    try:
        return pl.read_csv(path, n_rows=rows, infer_schema_length=10_000)
    except FileNotFoundError:
        raise SwerveError(f"{path} does not exist") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SwerveError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
