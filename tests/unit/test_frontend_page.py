"""The snippets of docs/frontend.md: Node's and Python's run against a real Redis, the others go through grammars."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
import tree_sitter
import tree_sitter_go
import tree_sitter_html
import tree_sitter_java
import tree_sitter_javascript
import tree_sitter_php

from jobs.embedded.redis_server import RedisServer
from serving.adapters import segment, snowplow
from tests.unit.project import ROOT

PAGE = (ROOT / "docs/frontend.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
GRAMMARS: dict[str, Callable[[], object]] = {
    "go": tree_sitter_go.language,
    "html": tree_sitter_html.language,
    "java": tree_sitter_java.language,
    "js": tree_sitter_javascript.language,
    "php": tree_sitter_php.language_php,
}
OWN, EVERYBODYS, SEGMENTS = ({"recommendation_id": name, "items": [{"item_id": name}]} for name in ("own", "everybody", "segment"))


def snippets(language: str) -> list[str]:
    return [code for name, code in SNIPPETS if name == language]


def reading(language: str) -> str:
    """The snippet that reads Redis."""
    (code,) = [code for code in snippets(language) if "rec:default:" in code]
    return code


@pytest.mark.parametrize("language", [*GRAMMARS, "json", "python", "sh"])
def test_the_page_has_snippets_of_every_language(language: str) -> None:
    assert snippets(language)


def test_every_snippet_is_checked() -> None:
    assert {language for language, _ in SNIPPETS} <= {*GRAMMARS, "json", "python", "sh"}


@pytest.mark.parametrize(("language", "code"), SNIPPETS)
def test_snippets_parse(language: str, code: str) -> None:
    if language == "json":
        json.loads(code)
    elif language == "python":
        compile(code, "snippet", "exec")
    elif language == "sh":
        subprocess.run(["sh", "-n"], input=code.encode(), check=True)
    else:
        tree = tree_sitter.Parser(tree_sitter.Language(GRAMMARS[language]())).parse(code.encode())
        assert not tree.root_node.has_error


def test_the_grammar_refuses_what_is_wrong() -> None:
    for language, code in {"go": "func (", "java": "class {", "js": "const = 1", "php": "<?php function (", "html": "<p <"}.items():
        assert tree_sitter.Parser(tree_sitter.Language(GRAMMARS[language]())).parse(code.encode()).root_node.has_error


@pytest.mark.parametrize("language", ["js", "python"])
def test_reading_redis(language: str, redis_server: RedisServer, client: redis.Redis, tmp_path: Path) -> None:
    client.flushall()
    client.set("rec:{ana}:home", json.dumps(OWN))
    client.set("rec:default:3:home", json.dumps(SEGMENTS))
    client.set("rec:default:home", json.dumps(EVERYBODYS))
    calls = [("ana", None, "own"), ("bo", 3, "segment"), ("bo", None, "everybody"), ("bo", 4, "everybody")]
    if language == "python":
        program = [sys.executable, "-c", reading("python") + _CALL_PYTHON]
    else:
        node = Path(sys.executable).with_name("node")
        modules = ROOT / "web" / "node_modules"
        for needed in (node, modules / "redis"):
            assert needed.exists(), f"{needed} is missing: scripts/setup dev installs it"
        script = tmp_path / "read.mjs"
        script.write_text(reading("js") + _CALL_NODE)
        (tmp_path / "node_modules").symlink_to(modules)
        program = [str(node), str(script)]
    done = subprocess.run(
        program, input=json.dumps(calls), capture_output=True, text=True, check=True, env={**os.environ, "REDIS_URL": redis_server.url}
    )
    assert json.loads(done.stdout) == [expected for _, _, expected in calls]


_CALL_PYTHON = """
import sys
print(json.dumps([recommendations(user, segment)["recommendation_id"] for user, segment, _ in json.load(sys.stdin)]))
"""
_CALL_NODE = """
import { readFileSync } from "node:fs";
const answers = [];
for (const [user, segment] of JSON.parse(readFileSync(0))) {
  answers.push((await recommendations(user, segment ?? undefined)).recommendation_id);
}
console.log(JSON.stringify(answers));
await shop.close();
"""


@pytest.mark.parametrize(("column", "names"), [(1, segment.NAMES), (2, snowplow.NAMES)])
def test_the_table_of_names_is_what_the_adapters_do(column: int, names: dict[str, str]) -> None:
    (table,) = re.findall(r"^\| ours \| Segment \| Snowplow \|\n\|.*\|\n((?:\|.*\|\n)+)", PAGE, re.MULTILINE)
    rows = [[cell.strip() for cell in line.strip("|\n").split(" | ")] for line in table.splitlines()]
    told = {theirs.strip(" `"): row[0] for row in rows for theirs in row[column].split(",") if theirs.strip()}
    assert {theirs for theirs in names if f"`{names[theirs]}`" not in told.get(theirs, "")} == set()
    assert set(told) - set(names) <= {"any other", "page", "screen", "page view"}
