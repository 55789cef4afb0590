"""docs/collector.md: the body that it shows is taken, its reasons, settings and metrics are those that there are."""

from __future__ import annotations

import json
import re

from jobs.settings import Settings
from tests.unit.collecting import Setting, post
from tests.unit.project import ROOT
from tests.unit.test_collector import BAD

PAGE = (ROOT / "docs/collector.md").read_text(encoding="utf-8")
SENT, ANSWERED = (json.loads(text) for text in re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


def table(head: str) -> list[str]:
    """The names in the first column of the table with such a head."""
    (rows,) = re.findall(rf"^\| {head} \|.*?\n\n", PAGE + "\n", re.MULTILINE | re.DOTALL)
    return re.findall(r"`(\w+)[`{]", "".join(row.split("|")[1] for row in rows.splitlines()[2:] if row))


def test_the_body_is_taken_and_the_answer_is_as_shown() -> None:
    setting = Setting(write_keys=(SENT["write_key"],), oldest_ms=10**12)
    answer, _ = post(SENT, setting=setting)
    assert (answer.status, answer.json["accepted"]) == (202, len(SENT["events"]))
    first, second = SENT["events"]
    SENT["events"] = [{**first, "event_id": "other"}, {**second, "event_id": "6f1e", "user_id": "bea", "quantity": 0}]
    said, shown = post(SENT, setting=setting)[0].json, dict(ANSWERED)
    # The name of 422 was another before Python 3.13.
    titles = {one.pop("title") for document in (said, shown) for one in document["rejected"]}
    assert titles <= {"Unprocessable Content", "Unprocessable Entity"}
    assert said == shown


def test_every_reason_is_there() -> None:
    assert sorted(table("`reason`")) == sorted({"too_large", *(reason for _, _, reason in BAD)})


def test_settings_and_metrics_are_there() -> None:
    fields = type(Settings().serving).model_fields
    assert len(table("setting")) > 15
    assert {*table("setting"), *re.findall(r"`serving\.(\w+)", PAGE)} <= set(fields)
    exposed = {metric.name for metric in Setting().registry.collect()}
    named = {re.sub("^_", "swerve_collector_", name).removesuffix("_total") for name in table("metric")}
    assert named == exposed
