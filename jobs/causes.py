"""Why a job failed: the line that says so, out of a Java stack trace that wraps a Python one."""

from __future__ import annotations

import re

TRACEBACK = "Traceback (most recent call last):"
OURS = ("udfs", "jobs", "models")
#: The last line of a Python traceback; and how pemja, which runs Python inside the JVM, says the same.
_RAISED = re.compile(r"(?P<path>(?:\w+\.)*)(?P<kind>[A-Za-z_]\w*)(?:: (?P<text>.*))?")
_PEMJA = re.compile(r"(?:Caused by: )?pemja\.core\.PythonException: <class '(?P<path>(?:\w+\.)*)(?P<kind>\w+)'>(?:: (?P<text>.*))?")
#: A line of a stack trace that says only where.
_FRAME = re.compile(r"\s*(at \S+\(.*\)|\.\.\. \d+ (more|common frames omitted))\s*$")


def root_cause(trace: str) -> str:
    """Find what went wrong in the first place.

    Parameters
    ----------
    trace
        The text of the exception that Flink ends a job with.

    Returns
    -------
    str
        One line: the text of the innermost Python exception, with its type in front unless it is one of ours, whose texts are for people;
        else the innermost Java exception.
    """
    lines = trace.splitlines()
    raised: re.Match[str] | None = None
    inside = False
    for line in lines:
        if TRACEBACK in line:
            inside = True
        elif found := _PEMJA.fullmatch(line):
            raised = found
        elif inside and line and not line[0].isspace():
            inside = False
            raised = _RAISED.fullmatch(line) or raised
    if raised:
        kind, text = raised["kind"], raised["text"] or ""
        return text if text and raised["path"].partition(".")[0] in OURS else f"{kind}: {text}".removesuffix(": ")
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    said = [line.strip() for line in lines if line.strip() and not _FRAME.match(line)]
    return (causes or said or ["unknown"])[-1]
