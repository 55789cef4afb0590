"""`swerve dev`: Kafka, a schema registry, Redis, ZooKeeper and a Flink cluster on this machine, without Docker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from jobs.cli.options import Config, Json, Set, settings_from
from jobs.cli.output import emit, note, progress

app = typer.Typer(
    help="Kafka, a schema registry, Redis, ZooKeeper and a Flink cluster on this machine, without Docker.", no_args_is_help=True
)

Fresh = Annotated[bool, typer.Option("--fresh", help="Delete what the servers kept: topics, schemas, recommendations, checkpoints.")]


@app.command()
def up(
    taskmanagers: Annotated[
        int, typer.Option("--taskmanagers", min=1, metavar="N", help="TaskManagers of the cluster, one slot each.")
    ] = 2,
    partitions: Annotated[int, typer.Option("--partitions", min=1, metavar="N", help="Partitions of the topics that are made.")] = 4,
    metrics: Annotated[
        bool,
        typer.Option(
            "--metrics", help="Metrics for Prometheus at ports 9250-9260. Flink serves them on all addresses, not on loopback only."
        ),
    ] = False,
    fresh: Fresh = False,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Start what does not run yet, and wait until it answers. It goes on running until `swerve dev down`.

    Called again, it starts what has died and leaves the rest alone.
    """
    from jobs.dev.artifacts import ensure
    from jobs.dev.stack import Stack

    settings = settings_from(config, overrides)
    for name in ("kafka", "connector", "registry"):
        with progress(f"fetching {name}") as advance:
            ensure(name, advance)
    stack = Stack(settings)
    if fresh:
        stack.down(fresh=True)
    found = stack.up(note, taskmanagers, partitions, metrics)
    emit({"config": stack.config, "settings": found}, json, _render)


@app.command()
def down(fresh: Fresh = False, config: Config = None, overrides: Set = None, json: Json = False) -> None:
    """Stop the servers that `swerve dev up` started here, and no others. Jobs on the cluster go on with the next `up`."""
    from jobs.dev.stack import Stack

    with progress("stopping"):
        ended = Stack(settings_from(config, overrides)).down(fresh)
    emit({"stopped": ended}, json, lambda _: f"stopped {', '.join(ended)}" if ended else "none was running")


@app.command()
def status(config: Config = None, overrides: Set = None, json: Json = False) -> None:
    """Look at each server. Ends with exit code 1 unless all of them answer."""
    from jobs.dev.stack import Stack

    servers = Stack(settings_from(config, overrides)).status()
    ready = bool(servers) and all(server["answers"] for server in servers)
    emit({"ready": ready, "servers": servers}, json, _render_status)
    if not ready:
        raise typer.Exit(1)


@app.command()
def lock() -> None:
    """Write flink-conf/artifacts.lock.json anew from artifacts.yaml: every file of connector, broker and registry with its checksum."""
    from jobs.dev.locking import lock as write

    with progress("fetching") as advance:
        sets = write(progress=advance)
    emit({name: len(files) for name, files in sets.items()}, False)


def _render(document: Mapping[str, Any]) -> str:
    lines = [f"{key:<14}  {value}" for key, value in document["settings"].items()]
    return "\n".join(
        [*lines, "", f"use them: swerve run --config {document['config']}", f"stop them: swerve dev down --config {document['config']}"]
    )


def _render_status(document: Mapping[str, Any]) -> str:
    if not document["servers"]:
        return "nothing was started here: swerve dev up"
    width = max(len(server["server"]) for server in document["servers"])
    states = {True: "answers", False: "does not answer"}
    return "\n".join(
        f"{server['server']:<{width}}  {states[server['answers']] if server['pid'] else 'does not run':<15}  {server['address']}"
        for server in document["servers"]
    )
