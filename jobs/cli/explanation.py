"""The readable form of `swerve explain`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH_OF_A_PIPE = 120
COLUMNS = 5


def show(document: Mapping[str, Any], every: bool = False) -> None:
    """Print what `explain_user` found.

    Parameters
    ----------
    document
        What it gave.
    every
        List all candidates, not only those that were chosen or left out.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_OF_A_PIPE)
    _profile(console, document["user_id"], document["profile"], document["estimates"])
    _windows(console, document["windows"])
    _shift(console, document["shift"])
    _segment(console, document["segment"])
    _ranking(console, document["ranking"], every)
    _value(console, document["value"], document["surface"])


def _profile(console: Console, user: str, profile: Mapping[str, Any], estimates: Mapping[str, Any] | None) -> None:
    _head(console, f"Profile of {user}")
    cart = profile["cart"]
    shown = profile["mean_price"]
    times = f"{_time(profile['first_time'])} to {_time(profile['last_time'])}"
    _facts(
        console,
        (
            ("events", f"{profile['events']:,} in {profile['visits']:,} visits, {times}"),
            ("this visit", f"{profile['visit_events']:,} events since {_time(profile['visit_start'])}"),
            ("counts", ", ".join(f"{name} {count:,}" for name, count in profile["counts"].items())),
            ("engagement", f"{profile['engagement_ms'] / 1000:,.0f} s"),
            ("prices", f"{shown:,.2f} on average of what she viewed" if shown is not None else "none seen"),
            ("bought for", f"{profile['monetary']:,.2f}, last {_time(profile['last_purchase_time'])}"),
            (
                "cart",
                f"{cart['items']:,} in it, abandoned {cart['abandoned']:,} times"
                + (f", counts as abandoned at {_time(cart['deadline'])}" if cart["deadline"] else ""),
            ),
            ("context", f"{profile['device']}, {profile['country'] or 'no country'}"),
            ("clock", f"{_time(profile['clock'])}; {profile['bytes']:,} bytes in Redis"),
            ("estimates", ", ".join(estimates["words"]) if estimates else "the model makes none"),
        ),
    )


def _windows(console: Console, windows: Sequence[Mapping[str, Any]]) -> None:
    _head(console, "Windows: what she looked at in the last half hour, and in four weeks")
    _table(
        console,
        (("category", "left"), ("short", "right"), ("long", "right"), ("next", "right"), ("", "left")),
        [
            (one["category"], f"{one['short']:,}", f"{one['long']:,}", f"{one['affinity']:.2f}", "◀ focus" if one["focus"] else "")
            for one in windows
        ],
    )


def _shift(console: Console, shift: Mapping[str, Any]) -> None:
    _head(console, "Shift: evidence in nats that her intent is another one")
    times = f"{shift['shifts']:,}, last {_time(shift['shift_time'])}"
    _facts(console, (("focus", shift["focus"] or "not known yet"), ("shifts", times if shift["shifts"] else "none")))
    rivals = [one for one in shift["challengers"] if one["evidence"] > 0]
    for one in rivals:
        far = f"{one['evidence']:.2f} of {shift['threshold']:.2f} nats for {one['category']}"
        enough = "enough" if one["lead"] >= shift["lead"] else "not enough, so it would be adopted in silence"
        _line(console, "", f"{far}; the lead before it: {one['lead']:.2f} of {shift['lead']:.2f}, {enough}")
    if not rivals:
        _line(console, "", "nothing speaks for another one")


def _segment(console: Console, segment: Mapping[str, Any]) -> None:
    _head(console, f"Segment: {segment['name']} ({segment['id']})")
    vector = sorted(segment["vector"].items(), key=lambda part: -part[1])
    near = ", ".join(f"{one['name']} {one['distance']:.3f}" for one in segment["nearest"])
    _facts(
        console,
        (
            ("why", segment["why"]),
            ("vector", ", ".join(f"{name} {value:.3f}" for name, value in vector) or "all zero"),
            ("distances", near or "the bundle has no segments"),
        ),
    )


def _ranking(console: Console, ranking: Mapping[str, Any], every: bool) -> None:
    rules, candidates = ranking["rules"], ranking["candidates"]
    model = f"{ranking['model']['name']} {ranking['model']['version']}"
    _head(console, f"Ranking by {model}: {len(candidates)} candidates of at most {rules['candidates']}, the best {rules['top']} are shown")
    ring = ", ".join(
        f"{one['item_id'] or '(unknown)'} {one['event']}{'' if one['present_visit'] else ' (before)'}" for one in ranking["ring"]
    )
    sources: dict[str, int] = {}
    for one in candidates:
        source = one["reason"].split(":", 1)[0]
        sources[source] = sources.get(source, 0) + 1
    out = ", ".join(one["item_id"] for one in candidates if one["left_out"]) or "none"
    skipped = [f"{why.replace('_', ' ')}: {', '.join(items)}" for why, items in ranking["skipped"].items() if items]
    _facts(
        console,
        (
            ("last items", ring or "none"),
            ("found by", ", ".join(f"{source} {count}" for source, count in sources.items())),
            ("skipped", "; ".join(skipped) or "none of what is similar"),
            ("diversity", f"at most {rules['most_of_a_category']} of a category first; left out: {out}"),
            *([("dropped", f"{ranking['dropped']} candidates whose score is no number")] if ranking["dropped"] else []),
        ),
    )
    order = sorted(candidates, key=lambda one: (one["place"] is None, one["place"] or 0, -(one["score"] or 0)))
    shown = [one for one in order if every or one["place"] is not None or one["left_out"]]
    rows = [(_place(one), one["item_id"], "-" if one["score"] is None else f"{one['score']:.4f}", one["reason"]) for one in shown]
    _table(console, (("", "right"), ("item", "left"), ("score", "right"), ("why", "left")), rows)
    first = order[:COLUMNS]
    if first:
        names = list(first[0]["features"])
        _line(console, "", f"features of the first {len(first)}")
        rows = [(name, *(f"{one['features'][name]:.4g}" for one in first)) for name in names]
        _table(console, (("", "left"), *((one["item_id"], "right") for one in first)), rows)


def _value(console: Console, value: Mapping[str, Any] | None, surface: str) -> None:
    _head(console, "Redis")
    if value is None:
        _line(console, "", f"holds no recommendations of hers for {surface}")
    elif value["same"]:
        _line(console, "", "holds exactly this, byte for byte")
    else:
        there = value["stored"]
        _line(console, "", f"holds something else: {', '.join(value['differs'])} differ")
        _facts(
            console,
            [(name, f"{there.get(name)} in Redis, {value['computed'].get(name)} here") for name in value["differs"] if name != "items"],
        )
        _facts(
            console,
            [("items", ", ".join(str(item.get("item_id")) for item in there["items"]) + " in Redis")]
            if "items" in value["differs"]
            else [],
        )


def _place(candidate: Mapping[str, Any]) -> str:
    if candidate["place"] is None:
        return "left out" if candidate["left_out"] else ""
    return f"{candidate['place'] + 1}" + (" held back" if candidate["held_back"] else "")


def _head(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, style="bold"))


def _facts(console: Console, facts: Iterable[tuple[str, str]]) -> None:
    for name, text in facts:
        _line(console, name, text)


def _line(console: Console, name: str, text: str) -> None:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=12)
    table.add_column(overflow="fold")
    table.add_row(Text(f"  {name}"), Text(text))
    console.print(table)


def _table(console: Console, columns: Iterable[tuple[str, str]], rows: Iterable[tuple[str, ...]]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, justify in columns:
        table.add_column(Text(name), justify="right" if justify == "right" else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def _time(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, timezone.utc):%Y-%m-%d %H:%M:%S}" if ms else "never"
