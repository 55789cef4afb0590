"""`swerve status`: how a job on a cluster is doing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.cli.options import Cluster, Config, Json, RunningJob, Set, cluster_settings
from jobs.cli.output import emit
from udfs.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

REFRESH_SECONDS = 2.0


def command(
    job: RunningJob = None,
    cluster: Cluster = None,
    watch: Annotated[bool, typer.Option("--watch", help=f"Look again every {REFRESH_SECONDS:.0f} s, until Ctrl-C.")] = False,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Show lag, watermark, checkpoints, restarts, rates and tasks of a job on a cluster.

    The lag is what the topic holds beyond the offsets of the last checkpoint; the rate is an average over a minute.
    """
    if watch and json:
        raise UsageError("--watch and --json do not go together", "ask for the document as often as you want it")
    settings = cluster_settings(config, overrides, cluster)
    from jobs.cluster.control import find_job
    from jobs.cluster.rest import FlinkRest
    from jobs.cluster.status import job_status

    def look(client: FlinkRest) -> dict[str, Any]:
        overview = client.overview()
        flink = {"url": client.shown, "flink": overview.version, "slots": overview.slots, "free_slots": overview.free_slots}
        return {"cluster": flink, **job_status(client, find_job(client, job, ended=True).id, settings)}

    assert settings.cluster.url is not None
    with FlinkRest(settings.cluster.url) as client:
        document = look(client)
        if not watch:
            emit(document, json, _text)
            return
        from rich.live import Live

        with Live(_table(document), auto_refresh=False) as live:
            while True:
                time.sleep(REFRESH_SECONDS)
                live.update(_table(look(client)), refresh=True)


def _text(document: Mapping[str, Any]) -> str:
    from rich.console import Console

    console = Console()
    with console.capture() as capture:
        console.print(_table(document))
    return capture.get().rstrip()


def _table(document: Mapping[str, Any]) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    summary = Table.grid(padding=(0, 2))
    for name, value in _lines(document):
        summary.add_row(Text(name, style="bold"), Text(value))
    tasks = Table("task", "tasks", "state", "busy", "held up", title="Tasks", title_justify="left")
    for task in document["tasks"]:
        states = ", ".join(f"{count} {state}" for state, count in task["states"].items())
        tasks.add_row(
            Text(_short(task["name"])), str(task["parallelism"]), states.lower(), _percent(task["busy"]), _percent(task["back_pressured"])
        )
    partitions = Table("partition", "committed", "end", "lag", title=f"Topic {document['lag']['topic']}", title_justify="left")
    for one in document["lag"]["partitions"]:
        partitions.add_row(*(_number(one[name]) for name in ("partition", "committed", "end", "records")))
    return Group(summary, tasks, partitions) if document["lag"]["partitions"] else Group(summary, tasks)


def _lines(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    job, checkpoints, lag = document["job"], document["checkpoints"], document["lag"]
    mark, last, failure, flink = document["watermark"], checkpoints["last"], document["last_failure"], document["cluster"]
    lines = [
        ("job", f"{job['name']} {job['id']} {job['state']} since {job['started']}"),
        ("cluster", f"{flink['url']}, Flink {flink['flink']}, {flink['free_slots']} of {flink['slots']} slots free"),
        ("restarts", f"{document['restarts']}, up {_number(document['uptime_seconds'])} s"),
        ("last failure", f"{failure['at']} {failure['cause']}" if failure else "none"),
        ("rate", f"{_number(document['events_per_second'])} events/s"),
        ("watermark", f"{mark['at']}, {_number(mark['behind_seconds'])} s behind" if mark["at"] else "none yet"),
        (
            "checkpoints",
            f"{checkpoints['completed']} complete, {checkpoints['failed']} not; last {_number(last['age_seconds'])} s ago, "
            f"{_number(last['duration_ms'])} ms, {_number(last['bytes'])} bytes"
            if last
            else f"none complete, {checkpoints['failed']} not",
        ),
        ("lag", lag["error"] or f"{_number(lag['records'])} records for group {lag['group']}"),
    ]
    from udfs.model_status import in_words

    lines += [(f"model {name}", in_words(model)) for name, model in document["models"]["serving"].items()]
    if document["models"]["error"]:
        lines.append(("models", document["models"]["error"]))
    if checkpoints["restored_from"]:
        lines.append(("restored from", checkpoints["restored_from"]))
    return lines


def _short(name: str) -> str:
    """Name a task by its ends: Flink lists every operator in it."""
    operators = name.split(" -> ")
    return name if len(operators) < 3 else f"{operators[0]} … {operators[-1]}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,}".replace(",", " ")
