"""The readable forms of `swerve models`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from models.comparison import METRICS


def list_text(document: Mapping[str, Any]) -> str:
    """Lay out `swerve models list`."""
    if not document["models"]:
        return f"there is no model in {document['registry']}; `swerve train ARCHIVE --out {document['registry']}/NAME/1` makes one"
    return "\n\n".join("\n".join(_model(model)) for model in document["models"])


def show_text(document: Mapping[str, Any]) -> str:
    """Lay out `swerve models show`."""
    from jobs.cli.output import table

    training = {name: _moment(value) if name in ("from", "until") else value for name, value in document["training"].items()}
    facts = {
        "bundle": f"{document['name']} {document['version']}{', serves' if document['current'] else ''}",
        "path": document["path"],
        "made": _moment(document["created_at"]),
        "bytes": document["bytes"],
        "files": f"{document['checksums']} checked" if document["problem"] is None else document["problem"],
        "categories": document["categories"],
        "features": document["features"],
        "segments": document["segments"],
        "training": training,
        "metrics": {name: _moment(value) if name in ("from", "until") else value for name, value in document["metrics"].items()},
        "tables": document["tables"],
    }
    return table(facts)


def compare_text(document: Mapping[str, Any]) -> str:
    """Lay out `swerve models compare`."""
    heads = [f"{bundle['name']} {bundle['version']}" for bundle in document["bundles"]]
    rows = [("", *heads), ("made", *(_moment(bundle["created_at"]) for bundle in document["bundles"]))]
    moments = ("from", "until")
    rows += [(name, *(_moment(v) if name in moments else _number(v) for v in pair)) for name, pair in document["metrics"].items()]
    rows += [(f"table {name}", *map(str, pair)) for name, pair in document["tables"].items() if pair[0] != pair[1]]
    items, fallbacks = document["items"], document["fallbacks"]
    lines = _columns(rows)
    for what in ("features", "segments"):
        lines.append("")
        found = document[what]
        order = ", in the same order" if found["same_order"] else ""
        lines.append(f"{what}: {found['common']} in common{order}")
        lines += [f"  only {head}: {', '.join(found[key])}" for head, key in zip(heads, ("only_first", "only_second")) if found[key]]
    lines += ["", f"items: {items['first']:,} and {items['second']:,}, {items['common']:,} in common"]
    share = f", {fallbacks['segments']:.0%} of those of {fallbacks['segments_compared']} segments" if fallbacks["segments_compared"] else ""
    lines.append(f"fall-back lists: {fallbacks['everybody']:.0%} of everybody's in common{share}")
    return "\n".join(lines)


def _model(model: Mapping[str, Any]) -> Iterator[str]:
    if model["current"]:
        since = f" since {_moment(model['promoted_at'])}" if model["promoted_at"] else ""
        by = f", set by {model['promoted_by']}" if model["promoted_by"] else ""
        note = f": {model['note']}" if model["note"] else ""
        yield f"{model['name']}: version {model['current']} serves{since}{by}{note}"
    else:
        yield f"{model['name']}: no version serves"
    if "serving" in model:
        from udfs.model_status import in_words

        yield f"  in the job: {in_words(model['serving']) if model['serving'] else 'no job says that it follows this model'}"
    if model["problem"]:
        yield f"  {model['problem']}"
    rows: list[tuple[str, ...]] = [("", "version", "made", "trained from", "until", *METRICS, "bytes", "")]
    for one in model["versions"]:
        marks = "▶" if one["current"] else ""
        quality = [f"{one['quality'][name]:.4f}" if name in one["quality"] else "-" for name in METRICS]
        window = [_moment(one[key]) for key in ("created_at", "trained_from", "trained_until")]
        rows.append((marks, one["version"], *window, *quality, _number(one["bytes"]), one["problem"] or ""))
    yield from (f"  {line}" for line in _columns(rows))


def _columns(rows: Iterable[Sequence[str]]) -> list[str]:
    rows = list(rows)
    widths = [max(len(cell) for cell in column) for column in zip(*rows)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths)).rstrip() for row in rows]


def _moment(ms: Any) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, timezone.utc):%Y-%m-%d %H:%M}" if isinstance(ms, (int, float)) else "-"


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else "-" if value is None else str(value)
