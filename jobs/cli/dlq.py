"""`swerve dlq`: dead letters looked at, and sent back."""

from __future__ import annotations

import sys
from collections import Counter, deque
from datetime import datetime, timezone
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.cli.options import Config, Json, Set, settings_from
from jobs.cli.output import emit, note
from jobs.cli.source import time_ms
from jobs.settings import Settings
from udfs.errors import UsageError

if TYPE_CHECKING:
    from jobs.kafka.dead_letters import Letter, Selection

app = typer.Typer(help="Look at dead letters, and send them back.", no_args_is_help=True)

Brokers = Annotated[str | None, typer.Option("--brokers", metavar="HOST:PORT,…", help="Kafka; short for --set kafka.brokers=….")]
Reasons = Annotated[list[str] | None, typer.Option("--reason", metavar="REASON", help="Only these, such as bad_price. Repeatable.")]
Since = Annotated[str | None, typer.Option("--since", metavar="TIME", help="Record timestamp from then on: ISO 8601, ms, or -6h.")]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Record timestamp before then.")]


@app.command("list")
def list_letters(
    reasons: Reasons = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option("--limit", min=0, metavar="N", help="So many letters, those that came last.")] = 20,
    brokers: Brokers = None,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Count dead letters by reason, and list the last ones: position, time, reason, size, attempts, origin. Not what is in them."""
    from jobs.kafka.dead_letters import read_letters

    settings = settings_from(config, overrides, kafka__brokers=brokers)
    counts: Counter[str] = Counter()
    last: dict[int, deque[Letter]] = {}
    for letter in read_letters(settings, _selection(reasons, since, until)):
        counts[letter.reason] += 1
        last.setdefault(letter.position.partition, deque(maxlen=limit)).append(letter)
    # Which of two partitions' letters came later, nobody knows: in turn, from the end of each.
    turns = zip_longest(*(reversed(lane) for lane in last.values()))
    newest = [letter for turn in turns for letter in turn if letter is not None][:limit]
    document = {
        "topic": settings.topics.dead_letters,
        "letters": counts.total(),
        "reasons": dict(counts.most_common()),
        "last": [_line(letter) for letter in newest],
    }
    emit(document, json, _render_list)


@app.command()
def show(
    position: Annotated[str, typer.Argument(metavar="PARTITION:OFFSET", help="As swerve dlq list shows it.")],
    brokers: Brokers = None,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Show all of a dead letter: headers, key, bytes, and its fields as far as they can be read."""
    from jobs.kafka.dead_letters import parse_position, read_letter
    from jobs.operators.readers import schemas_of
    from udfs.anatomy import dissect

    settings = settings_from(config, overrides, kafka__brokers=brokers)
    letter = read_letter(settings, parse_position(position))
    document = {
        **_line(letter),
        "timestamp": letter.timestamp,
        "key": _readable(letter.key),
        "headers": [{"name": name, "value": _readable(content)} for name, content in letter.headers],
        "content": dissect(letter.value, dict(letter.headers), schemas_of(settings)),
        "value_hex": None if letter.value is None else letter.value.hex(),
    }
    emit(document, json, lambda _: _render_letter(document, letter))


@app.command()
def replay(
    positions: Annotated[list[str] | None, typer.Argument(metavar="[PARTITION:OFFSET]…", help="Only these letters.")] = None,
    reasons: Reasons = None,
    since: Since = None,
    until: Until = None,
    max_attempts: Annotated[int, typer.Option("--max-attempts", min=1, metavar="N", help="Leave alone what was sent back so often.")] = 3,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    brokers: Brokers = None,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Send dead letters back to the topic and partition they came from: after a schema was registered, or a setting put right.

    They stay among the dead letters. Sending one twice does no harm, as an event is known by its id; one that fails again becomes a new
    letter, with its count of attempts.
    """
    from jobs.kafka.dead_letter_replay import Replay
    from jobs.kafka.dead_letters import read_letters

    settings = settings_from(config, overrides, kafka__brokers=brokers)
    selection = _selection(reasons, since, until, positions)
    if not dry_run and not yes:
        _ask(settings, selection, max_attempts)
    done = Replay(settings, max_attempts, dry=dry_run).run(read_letters(settings, selection))
    document = {
        "dry_run": dry_run,
        "letters": done.letters,
        "topics": dict(done.topics),
        "reasons": dict(done.reasons.most_common()),
        "skipped": dict(done.skipped),
    }
    if not done.letters and not done.skipped:
        note("no dead letter fits")
    emit(document, json)


def _ask(settings: Settings, selection: Selection, max_attempts: int) -> None:
    from jobs.kafka.dead_letter_replay import Replay
    from jobs.kafka.dead_letters import read_letters

    if not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked", "--yes sends, --dry-run only says what would be sent")
    would = Replay(settings, max_attempts, dry=True).run(read_letters(settings, selection))
    typer.confirm(f"send {would.letters} letters back to {', '.join(would.topics) or 'nowhere'}?", abort=True, err=True)


def _selection(reasons: list[str] | None, since: str | None, until: str | None, positions: list[str] | None = None) -> Selection:
    from jobs.kafka.dead_letters import Selection, parse_position
    from udfs.reasons import REASONS

    for reason in reasons or ():
        if reason not in REASONS[1:]:
            raise UsageError(f"there is no reason {reason!r}", f"there are {', '.join(REASONS[1:])}")
    return Selection(
        frozenset(reasons or ()),
        frozenset(map(parse_position, positions or ())),
        time_ms(since) if since is not None else None,
        time_ms(until) if until is not None else None,
    )


def _line(letter: Letter) -> dict[str, Any]:
    origin = letter.origin
    return {
        "position": str(letter.position),
        "time": _time(letter.timestamp),
        "reason": letter.reason,
        "detail": letter.detail,
        "bytes": None if letter.value is None else len(letter.value),
        "attempts": letter.attempts,
        "origin": {"topic": origin[0], "partition": origin[1], "offset": origin[2]} if origin else None,
    }


def _time(ms: int) -> str:
    try:
        return datetime.fromtimestamp(ms / 1000, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return str(ms)


def _readable(content: bytes | None) -> str | None:
    """Text where it is text, else hexadecimal digits."""
    if content is None:
        return None
    text = content.decode(errors="replace")
    return text if text.isprintable() and "\ufffd" not in text else f"0x{content.hex()}"


def _render_list(document: Any) -> str:
    lines = [f"{document['letters']} letters in {document['topic']}"]
    lines += [f"  {reason:<20}{count:>8}" for reason, count in document["reasons"].items()]
    if document["last"]:
        lines += ["", f"{'position':<14}{'time':<26}{'reason':<18}{'bytes':>9}{'tried':>7}  detail"]
    for one in document["last"]:
        size = "-" if one["bytes"] is None else one["bytes"]
        lines.append(f"{one['position']:<14}{one['time']:<26}{one['reason']:<18}{size:>9}{one['attempts']:>7}  {one['detail']}")
    return "\n".join(lines)


def _render_letter(document: dict[str, Any], letter: Letter) -> str:
    from jobs.cli.hexdump import hexdump
    from jobs.cli.output import table

    headers = {header["name"]: header["value"] for header in document["headers"]}
    shown = {key: value for key, value in document.items() if key not in ("headers", "value_hex", "origin")}
    shown |= {"origin": document["origin"] or "unknown", "headers": headers or "none"}
    return "\n".join([table(shown), "value", *hexdump(letter.value or b"")])
