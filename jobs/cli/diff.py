"""`swerve diff`: whether two prefixes of a Redis hold the same, such as a replay's beside the live job's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from jobs.cli.options import Config, Json, Redis, Set, settings_from
from jobs.cli.output import emit

PER_USER = ("equal", "different", "only_a", "only_b")


def command(
    prefix_a: Annotated[str, typer.Argument(metavar="PREFIX_A", help='What stands before the keys of one side; "" is the live prefix.')],
    prefix_b: Annotated[str, typer.Argument(metavar="PREFIX_B", help="And of the other.")],
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="FIELD", help="Field that may differ; also: version, profile. Repeatable. Default: generated_at."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, metavar="N", help="Most examples to show.")] = 20,
    config: Config = None,
    overrides: Set = None,
    redis: Redis = None,
    json: Json = False,
) -> None:
    """Compare everything that two prefixes of a Redis hold: every shopper, every surface, profiles, versions and fall-backs.

    Exit code 0: all is equal; 1: something differs. Exact while nothing writes to either. Without --redis: the Redis of the last run here.
    """
    from jobs.cli.prefixes import prefixes, shown, watched, with_redis
    from udfs.errors import SwerveError
    from udfs.redis_diff import IGNORED, compare_prefixes

    settings = with_redis(settings_from(config, overrides, redis__url=redis)).redis
    with prefixes(settings, prefix_a, prefix_b) as (a, b):
        total = watched("counting", 0, lambda _: a.contents.users + b.contents.users)
        found = watched("comparing", total, lambda seen: compare_prefixes(a, b, IGNORED if ignore is None else ignore, limit, seen))
    if found is None:
        raise SwerveError(
            f"{settings.masked_url} holds nothing under {shown(prefix_a)}, nor under {shown(prefix_b)}",
            "has a job written there? its setting redis.prefix is what stands before the keys",
        )
    emit({"prefix_a": prefix_a, "prefix_b": prefix_b, **found.document()}, json, _render)
    if not found.same:
        raise typer.Exit(1)


def _render(document: Mapping[str, Any]) -> str:
    lines = [f"users in A {document['users_a']:,}, in B {document['users_b']:,}"]
    lines += [f"  {name.replace('_', ' '):<10} {document[name]:>12,}" for name in PER_USER]
    lines += [f"  differ in {name:<24} {number:>12,}" for name, number in document["fields"].items()]
    for example in document["examples"]:
        versions = f"{_version(example['version_a'])} / {_version(example['version_b'])}"
        lines.append(f"{example['user_id']}  {example['what'].replace('_', ' ')}  {versions}  {', '.join(example['fields'])}".rstrip())
    fallbacks = document["fallbacks"]
    lines.append(f"fall-backs equal {fallbacks['equal']}, different {len(fallbacks['different'])}")
    lines += [f"  {key}  {what.replace('_', ' ')}" for key, what in fallbacks["different"].items()]
    return "\n".join(lines)


def _version(version: Mapping[str, int] | None) -> str:
    return f"{version['time']}:{version['number']}" if version else "-"
