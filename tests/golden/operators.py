"""Prints the uids of the live job's operators; in a process of its own, as the planner counts its own in the JVM."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from jobs.environment import add_kafka_connector, embedded_options, make_tables, prepare_process
from jobs.recommend import Targets, build_live, live_options
from jobs.settings import Settings


def operators(work: Path) -> dict[str, str]:
    """Give uid by name, in the order of the plan; those that the planner counts are left out: what has them keeps no state."""
    settings = Settings().with_values({"work": work, "redis.url": "redis://127.0.0.1:1/0", "out.everything": True})
    prepare_process(work)
    add_kafka_connector(work)
    tables = make_tables({**live_options(settings), **embedded_options(settings, 0)})
    targets = Targets({"segment_change": 3, "recommendation": 4}, 1_000_000)
    graph = build_live(tables, settings, targets).environment.getStreamGraph(False)
    nodes = sorted(graph.getStreamNodes().toArray(), key=lambda node: node.getId())
    found = {re.sub(r"\[\d+\]", "", node.getOperatorName()): node.getTransformationUID() for node in nodes}
    return {name: uid for name, uid in found.items() if uid and not uid[0].isdigit()}


if __name__ == "__main__":
    print(json.dumps(operators(Path(sys.argv[1])), indent=1))  # noqa: T201
