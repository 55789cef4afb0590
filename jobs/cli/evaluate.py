"""`swerve evaluate`: a bundle beside the methods of the literature, on the same test sessions."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.cli.options import Config, Json, Redis, Set, settings_from
from jobs.cli.output import emit, note, progress
from jobs.settings import Settings

if TYPE_CHECKING:
    from training.evaluate import Evaluation

MANY_EVENTS = 500_000


class Protocol(str, Enum):
    """What is asked."""

    next_item = "next-item"


def command(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder of a bundle that saw nothing of the test archive.")],
    train: Annotated[Path, typer.Option("--train", metavar="ARCHIVE", help="What the baselines learn from; its items are ranked.")],
    test: Annotated[Path, typer.Option("--test", metavar="ARCHIVE", help="What is asked about.")],
    protocol: Annotated[
        Protocol, typer.Option("--protocol", help="next-item: after every beginning of every session, which item comes next?")
    ] = Protocol.next_item,
    through_job: Annotated[
        bool, typer.Option("--through-job", help="Ask the real job and Redis as well; another list is an error.")
    ] = False,
    sample: Annotated[int | None, typer.Option(min=1, metavar="N", help="Take as many test sessions, at random. Default: all.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of what is random: sample, choice of settings, intervals.")] = 1,
    config: Config = None,
    overrides: Set = None,
    redis: Redis = None,
    json: Json = False,
) -> None:
    """Measure a bundle: how often the next item is among the 20 shown, how high, beside STAN, VS-KNN, S-KNN, AR, SR and popularity.

    Every method ranks all items of the training archive, on the same cases; the baselines are tuned on the end of that archive.
    """
    from training.evaluate import evaluate

    settings = settings_from(config, overrides, redis__url=redis, model__path=bundle)
    with progress("evaluating") as advance:
        found = evaluate(bundle, train, test, sample=sample, seed=seed, candidates=settings.rank.candidates, progress=advance)
    assert found.document["protocol"] == protocol.value
    document = found.document
    if through_job:
        document |= ask_job(found, test, settings)
    emit(document, json, _render)


def ask_job(found: Evaluation, test: Path, settings: Settings) -> dict[str, Any]:
    """Put the same cases through the real job, and compare the lists.

    Parameters
    ----------
    found
        The evaluation.
    test
        Its test archive.
    settings
        Which Redis; default: one that ends with the command.

    Raises
    ------
    SwerveError
        If a list is another one.
    """
    from jobs.embedded.redis_server import ensure_redis, start_redis
    from jobs.evaluation import Beginnings, index_of, lists_of_job, write_beginnings
    from jobs.preflight import examine
    from training.evaluate import beginnings, refuse_differences

    asked = Beginnings(*beginnings(found))
    own = settings.redis.url is None
    with tempfile.TemporaryDirectory(prefix="swerve-evaluate-") as temporary:
        folder = Path(temporary)
        settings = settings.with_values(
            {
                "rank.top": found.top,
                "rank.on": "every_event",
                "rank.surfaces": ("home",),
                "redis.prefix": f"{settings.redis.prefix}evaluate-{uuid.uuid4().hex[:8]}:",
                "checkpoint.dir": folder / "checkpoints",
                "out.dir": folder / "out",
            }
        )
        examine(settings)
        if asked.size > MANY_EVENTS:
            note(f"through the job: {asked.size:,} events of {len(asked.users):,} beginnings; --sample takes fewer sessions")
        write_beginnings(test, asked, folder / "archive")
        server = start_redis(folder / "redis") if own else None
        try:
            settings = settings.with_values({"redis.url": server.url}) if server else ensure_redis(settings)
            index = index_of(folder / "archive", settings)
            with progress("replaying") as advance:
                lists = lists_of_job(index, asked.users, settings, advance)
        finally:
            if server:
                server.stop()
    agreement = refuse_differences(found, lists, index.max_time, settings.rank.candidates)
    return {"through_job": True, "agreement": agreement, "replayed_events": index.events}


def _render(document: Mapping[str, Any]) -> str:
    from jobs.cli.evaluation import render

    return render(document)
