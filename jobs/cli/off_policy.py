"""`swerve off-policy`: what another policy would have earned, from a log of what was shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from math import inf
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.options import Config, Json, Set, settings_from
from jobs.cli.output import Advance, emit, progress
from jobs.cli.source import time_ms, topic_of
from jobs.settings import Settings
from udfs.errors import UsageError

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


@app.command("log")
def own_log(
    recommendations: Annotated[
        str, typer.Option("--recommendations", metavar="DIR|kafka:TOPIC", help="Folder of recommendations-*.avro, or a topic.")
    ],
    events: Annotated[str, typer.Option("--events", metavar="ARCHIVE|kafka:TOPIC", help="Events, from the beginning of the profiles on.")],
    bundle: Annotated[Path, typer.Option("--bundle", metavar="DIR", help="The bundle to judge, or a model: its current version.")],
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="First recommendation: ISO 8601 in UTC, ms, or -7d.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Only recommendations before it.")] = None,
    examination: Annotated[
        str | None, typer.Option("--examination", metavar="P,P,…", help="How likely each place is looked at. Default: found from the log.")
    ] = None,
    shuffled: Annotated[bool, typer.Option("--shuffled", help="The shop showed each list in an order drawn by chance.")] = False,
    softmax: Annotated[
        float | None, typer.Option("--softmax", min=1e-6, metavar="T", help="It drew the order in proportion to exp(score / T).")
    ] = None,
    cap: Cap = 10.0,
    resamples: Resamples = 1000,
    seed: Seed = 0,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Estimate the clicks that another bundle would have had on the requests of a log of recommendations, beside those there were.

    A ranker without chance tells only of the items that it showed: how much that is of what the other bundle would show stands beside
    the estimates. See docs/models.md, section Off-policy.
    """
    from models.registry import serving_folder
    from training.off_policy.lists import evaluate_lists

    if shuffled and softmax is not None:
        raise UsageError("--shuffled and --softmax exclude each other")
    first, last = (time_ms(text) if text else None for text in (since, until))
    settings = settings_from(config, overrides)
    with progress("reading") as advance, ExitStack() as stack:
        shown, happened = (
            _folder(stack, settings, source, what, advance) for source, what in ((recommendations, "recommendations"), (events, "events"))
        )
        document = evaluate_lists(
            shown,
            happened,
            serving_folder(bundle),
            since=first,
            until=last,
            examined=_numbers(examination) if examination else None,
            temperature=inf if shuffled else softmax,
            cap=cap,
            candidates=settings.rank.candidates,
            resamples=resamples,
            seed=seed,
            progress=advance,
        )
    emit(document, json, render_lists)


def render_lists(document: Mapping[str, Any]) -> str:
    """Lay the result out for people."""
    bundle, log, overlap = document["bundle"], document["log"], document["overlap"]
    lines = [
        f"{bundle['name']}/{bundle['version']} on {log['lists']:,} lists of {', '.join(log['models'])}, with {log['clicks']:,} clicks",
        f"  {'clicks a list':<16}{'':<34}difference to the log",
    ]
    for name, estimate in document["estimates"].items():
        difference = document["difference"].get(name)
        lines.append(f"  {name:<16}{interval(estimate):<34}{interval(difference) if difference else ''}".rstrip())
    lines.append(
        f"  {'overlap':<16}the log shows {overlap['covered']:.0%} of what this bundle would, {overlap['same_place']:,} places are the same"
    )
    lines.append(f"  {'looked at':<16}{' '.join(f'{chance:.2f}' for chance in document['examination'])}")
    return "\n".join([*lines, *(f"  ! {warning}" for warning in overlap["warnings"])])


def _folder(stack: ExitStack, settings: Settings, source: str, what: str, advance: Advance) -> Path:
    topic = topic_of(source)
    if topic is None:
        return Path(source)
    from jobs.kafka.topic_archive import folder_of

    return stack.enter_context(folder_of(settings, source, topic, what, progress=advance))


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--examination {text}: wants numbers separated by commas", "for example 1,0.7,0.5") from None
