"""`swerve off-policy`: what another policy would have earned, from a log of what was shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.options import Json
from jobs.cli.output import emit, progress

app = typer.Typer(help="Estimate what another policy would have earned, from a log of what was shown.", no_args_is_help=True)

Cap = Annotated[float, typer.Option(min=1.0, help="Greatest weight of a row in clipped_ips, clipped_dr and switch_dr.")]
Resamples = Annotated[int, typer.Option(min=50, help="Draws of the bootstrap behind the intervals.")]
Seed = Annotated[int, typer.Option(min=0, help="Of draws and folds.")]


@app.callback()
def _main() -> None:
    """Estimate what another policy would have earned, from a log of what was shown."""


@app.command("obd")
def open_bandit(
    log: Annotated[Path, typer.Argument(metavar="LOG", help="CSV as in the Open Bandit Dataset; .gz is read as it is.")],
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            metavar="NAME|FILE",
            help="uniform; popular or greedy, learned from the first half of the log; a CSV of item_id,position,probability; "
            "or another log, whose policy it is. Repeatable. Default: uniform, popular.",
        ),
    ] = None,
    items: Annotated[Path | None, typer.Option("--items", metavar="FILE", help="Contexts of the items, for the reward model.")] = None,
    cap: Cap = 10.0,
    resamples: Resamples = 1000,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Evaluate policies on a log of the Open Bandit Dataset: inverse propensity, self-normalised, direct, doubly robust; 95 % intervals."""
    from training.off_policy.evaluate import evaluate_log

    with progress("evaluating") as advance:
        document = evaluate_log(log, policy or ["uniform", "popular"], items, cap=cap, resamples=resamples, seed=seed, progress=advance)
    emit(document, json, render_log)


def render_log(document: Mapping[str, Any]) -> str:
    """Lay the result out for people."""
    log = document["log"]
    lines = [
        f"{log['path']}: {log['rows']:,} impressions of {log['items']:,} items at {log['positions']} positions, {log['clicks']:,} clicks",
        f"  its own policy        {interval(log['on_policy'])}",
    ]
    lines += [f"  looked at, position {one['position']} {interval(one, 2)}" for one in log["examination"]]
    for one in document["policies"]:
        lines += ["", f"policy {one['policy']}, on {one['rows']:,} impressions"]
        lines += estimate_lines(one)
        if one["on_policy"]:
            lines.append(f"  {'in its own log':<16}{interval(one['on_policy'])}")
        for part in one["by_position"]:
            lines.append(f"  position {part['position']:<7}{interval(part['ips'])}  ips")
    return "\n".join(lines)


def estimate_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """Lay out estimates and overlap."""
    for name, estimate in document["estimates"].items():
        yield f"  {name:<16}{interval(estimate)}"
    overlap = document["overlap"]
    yield f"  {'overlap':<16}worth {overlap['effective']:,.0f} of {overlap['rows']:,} rows, greatest weight {overlap['max_weight']:.1f}"
    for warning in overlap["warnings"]:
        yield f"  ! {warning}"


def interval(estimate: Mapping[str, float], digits: int = 5) -> str:
    """Write a value with its interval."""
    return f"{estimate['value']:.{digits}f}  [{estimate['low']:.{digits}f}, {estimate['high']:.{digits}f}]"
