"""docs/api.md: tokens made as it says are accepted, and its settings are settings."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tree_sitter
import tree_sitter_php

from jobs.settings import Settings
from serving.tokens import TokenRules, Verifier
from tests.unit.project import ROOT

PAGE = (ROOT / "docs/api.md").read_text(encoding="utf-8")
SNIPPETS = dict(re.findall(r"^```(python|js|php)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
SECRET, USER = "a secret of 32 characters at least", 'ana "Ö" / 1'
QUOTED = USER.replace('"', '\\"')
CALLS = {
    "python": f'import sys\nsys.stdout.write(token("{SECRET}", "{QUOTED}", 60))',
    "js": f'process.stdout.write(token("{SECRET}", "{QUOTED}", 60));',
    "php": f'echo token("{SECRET}", "{QUOTED}", 60);',
}


@pytest.mark.parametrize("language", CALLS)
def test_tokens_made_as_it_says_are_accepted(language: str, tmp_path: Path) -> None:
    script = tmp_path / f"token.{language}"
    script.write_text(SNIPPETS[language] + CALLS[language], encoding="utf-8")
    programs = {"python": sys.executable, "js": str(Path(sys.executable).with_name("node")), "php": shutil.which("php")}
    program = programs[language]
    if program is None:
        # Not every machine has a PHP: then it is at least one.
        tree = tree_sitter.Parser(tree_sitter.Language(tree_sitter_php.language_php())).parse(script.read_bytes())
        assert not tree.root_node.has_error
        return
    done = subprocess.run([program, str(script)], capture_output=True, check=True)
    assert Verifier(TokenRules((SECRET,))).user(done.stdout) == USER


def test_its_settings_are_settings() -> None:
    fields = type(Settings().serving).model_fields
    (table,) = re.findall(r"\| setting \| default .*?\n\n", PAGE, re.DOTALL)
    named = re.findall(r"`(\w+)`", "".join(row.split("|")[1] for row in table.splitlines()[2:] if row))
    assert len(named) > 10
    assert set(named) <= set(fields)
    for name in re.findall(r"`serving\.(\w+)", PAGE):
        assert name in fields
