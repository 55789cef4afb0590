"""`swerve demo`: the whole thing on this machine, ending with one shopper's swerve."""

from __future__ import annotations

import csv
import shutil
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.cli.options import Config, Redis, Set, settings_from
from jobs.cli.output import progress

if TYPE_CHECKING:
    from rich.console import Console

    from jobs.demo import Story
    from jobs.settings import Settings

SHOWN_ITEMS = 6
Catalogue = dict[str, dict[str, str]]


def command(
    events: Annotated[
        int | None, typer.Option(min=20_000, help="Events to simulate; default: 100 000, with --open 40 000.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another shop.")] = 7,
    open_: Annotated[bool, typer.Option("--open", help="Open a shop to walk around in, with the job and the server behind it.")] = False,
    browser: Annotated[bool, typer.Option(help="With --open: show it in the browser.")] = True,
    visitors: Annotated[float, typer.Option(min=0, help="With --open: made-up shoppers who come by, a minute.")] = 12,
    port: Annotated[int | None, typer.Option(help="With --open: the server's port, or the next one that is free.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="With --open: another history and model, not those of the last time.")] = False,
    config: Config = None,
    overrides: Set = None,
    redis: Redis = None,
) -> None:
    """Simulate a shop, train, run the job on real Flink and Redis, and show a shopper before and after her swerve.

    With --open, the shop itself, to walk around in: its pages send what you do, the job follows, and the page follows you.
    """
    settings = settings_from(config, overrides, redis__url=redis, serving__port=port)
    if open_:
        open_shop(settings, seed, events, visitors, browser=browser, fresh=fresh)
    else:
        tell_story(settings, seed, events or 100_000)


def open_shop(settings: Settings, seed: int, events: int | None, visitors: float, *, browser: bool, fresh: bool) -> None:
    """Open a shop, and look after it until interrupted."""
    import signal
    import webbrowser

    from rich.console import Console

    from jobs.cli.storefront import Storefront
    from jobs.cli.storefront_place import EVENTS, Place, prepare
    from jobs.preflight import examine

    examine(settings)
    console, started = Console(), time.monotonic()

    def step(text: str) -> None:
        console.print(f"[bold]{time.monotonic() - started:5.1f} s[/]  {text}", highlight=False)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    place = Place(settings.work / "shop")
    keys = prepare(place, seed, step, fresh=fresh, events=events or EVENTS)
    try:
        with Storefront(settings, place, keys, step) as shop:
            step(f"the shop is open: [bold]{shop.address}/shop[/]")
            console.print(f"         for those who run it: {shop.operator}", highlight=False, soft_wrap=True)
            console.print("         Ctrl-C closes it; the next time it opens at once", highlight=False)
            if visitors:
                shop.let_in(visitors)
            if browser:
                webbrowser.open(f"{shop.address}/shop")
            shop.watch()
    except KeyboardInterrupt:
        step("closed")


def tell_story(settings: Settings, seed: int, events: int) -> None:
    """Simulate, train, replay, and print one shopper's swerve."""
    from rich.console import Console

    from jobs.cli.replay import run
    from jobs.demo import find_story
    from jobs.embedded.redis_server import stop_redis
    from jobs.preflight import examine
    from training.simulator import simulate
    from training.train import train

    examine(settings)
    home = settings.work / "demo"
    archive, bundle, out = home / "archive", home / "models" / "demo" / "1", home / "out"
    console = Console()
    if home.exists():
        shutil.rmtree(home)
    if settings.redis.url is None:
        # Values of another shop's shoppers may be newer, and would win.
        stop_redis(settings.work)
    started = time.monotonic()

    def step(text: str) -> None:
        console.print(f"[bold]{time.monotonic() - started:5.1f} s[/]  {text}")

    users = max(500, events // 40)
    step(f"simulating a shop: {events:,} Avro events of {users:,} shoppers into {archive}")
    with progress("simulating") as advance:
        simulate(archive, events=events, users=users, items=2_000, seed=seed, progress=advance)
    step(f"training a model bundle on the first part of them into {bundle}")
    with progress("training") as advance:
        train(archive, bundle, progress=advance)
    step("running the job: Flink reads the events, follows every shopper, scores with ONNX, writes to Redis")
    every_ranking = {"rank.hold_back": False, "rank.latest_only": False, "out.dir": out, "out.everything": True}
    report = run(archive, settings.with_values({"model.path": bundle, **every_ranking}))
    step(
        f"done: {report['events']:,} events of {report['users']:,} shoppers, {report['shifts']:,} swerves noticed,"
        f" {report['recommendations']:,} rankings, {report['events_per_second']:,} events/s"
    )
    with (archive / "catalog.csv").open(encoding="utf-8", newline="") as file:
        catalogue = {item["item_id"]: item for item in csv.DictReader(file)}
    story = find_story(archive, out, {item_id: item["item_category"] for item_id, item in catalogue.items()})
    if story is None:
        console.print("No swerve in this shop was noticed: try another --seed.")
        raise typer.Exit(1)
    show_story(console, story, catalogue)
    user = story.truth["user_id"]
    step(f"Redis goes on running at {report['redis']}. Play on:")
    console.print(f"         .venv/bin/swerve show {user}\n         .venv/bin/swerve explain {user}", highlight=False)
    if settings.redis.url is None:
        console.print("         .venv/bin/swerve stop             ends that Redis", highlight=False)


def clock(time_ms: int) -> str:
    """Write the time of day (UTC)."""
    return datetime.fromtimestamp(time_ms / 1000, timezone.utc).strftime("%H:%M:%S")


def show_story(console: Console, story: Story, catalogue: Catalogue) -> None:
    """Print a swerve: what was recommended, what she did, what was recommended then."""
    from rich import box
    from rich.columns import Columns
    from rich.table import Table

    truth = story.truth
    found, all_of_them = story.found
    console.rule(f"{truth['user_id']} came for {truth['from']} and swerved to {truth['to']}")
    events = Table(box=box.SIMPLE_HEAD, title="Her events", title_justify="left")
    for column in ("time", "event", "category", "item", ""):
        events.add_column(column, overflow="ellipsis", no_wrap=True)
    for position, event in enumerate(story.events):
        mark = "◀ she swerves" if position == story.swerved else ""
        if position == story.noticed:
            mark = f"{mark} ◀ Swerve notices, at event {position - story.swerved + 1} of the new interest".strip()
        category = event["item_category"] or ""
        style = "bold" if category == truth["to"] else None
        item = catalogue.get(event["item_id"] or "", {}).get("title", event["item_id"] or "")
        events.add_row(clock(event["event_time"]), event["event_name"], category, item, mark, style=style)
    console.print(events)
    console.print(
        Columns(
            [
                _recommendations("Recommended before", story.before, truth["to"], catalogue),
                _recommendations("Recommended after", story.after, truth["to"], catalogue),
            ],
            padding=(0, 4),
        )
    )
    console.print(f"One of {all_of_them:,} swerves in this shop; the job noticed {found:,} of them within 8 events.")


def _recommendations(title: str, value: dict[str, Any], category: str, catalogue: Catalogue) -> Any:
    from rich import box
    from rich.table import Table

    segment = value["segment_name"]
    table = Table(box=box.SIMPLE_HEAD, title=f"{title} ({clock(value['event_time'])}), segment: {segment}", title_justify="left")
    for column in ("score", "category", "item", "why"):
        table.add_column(column, overflow="ellipsis", no_wrap=True, max_width=28)
    for item in value["items"][:SHOWN_ITEMS]:
        known = catalogue.get(item["item_id"], {})
        style = "bold" if known.get("item_category") == category else None
        table.add_row(
            f"{item['score']:.2f}", known.get("item_category", ""), known.get("title", item["item_id"]), item["reason"], style=style
        )
    return table
