"""The uids under which a savepoint keeps the state of the live job: another release has to find it again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from jobs.pipeline import uid_of

GOLDEN = Path(__file__).parents[1] / "golden" / "operators.json"


def test_state_is_found_again(tmp_path: Path) -> None:
    """If this fails, savepoints of the last release cannot be restored: give the operators their uids back."""
    command = [sys.executable, "-m", "tests.golden.operators", str(tmp_path)]
    done = subprocess.run(command, cwd=GOLDEN.parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_only_sources_and_sinks_of_sql_are_given_one() -> None:
    assert uid_of("SourceTransformation", "Source: KafkaSource-default_catalog.default_database.records[1]") == "source"
    assert uid_of("LegacySourceTransformation", "Source: beats[15]") == "heartbeat"
    assert uid_of("SinkTransformation", "topic_of_segments[61]: Writer") == "topic_of_segments"
    assert uid_of("OneInputTransformation", "profiles") is None
