"""The line that says why, out of what Flink ends a job with."""

from __future__ import annotations

import pytest

from jobs.causes import root_cause

HEAD = """An error occurred while calling o485.await.
: java.util.concurrent.ExecutionException: org.apache.flink.table.api.TableException: Failed to wait job finish
\tat java.base/java.util.concurrent.CompletableFuture.reportGet(CompletableFuture.java:396)
Caused by: org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy
\t... 5 more
"""
PROCESS = """Caused by: java.lang.RuntimeException: Error received from SDK harness for instruction 2: Traceback (most recent call last):
  File "sdk_worker.py", line 311, in _execute
    response = task()
               ^^^^^^
  File "redis_errors.py", line 121, in why_to_wait
    raise RedisRefused(message.format(text[:300]), hint) from None
{0}

\tat org.apache.beam.runners.fnexecution.control.FnApiControlClient$ResponseStreamObserver.onNext(FnApiControlClient.java:180)
\t... 7 more
"""
CHAINED = """Caused by: java.lang.RuntimeException: Traceback (most recent call last):
  File "a.py", line 1, in a
KeyError: 'first'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "b.py", line 2, in b
ValueError: second

"""


@pytest.mark.parametrize(
    ("trace", "cause"),
    [
        (HEAD + PROCESS.format("udfs.redis_errors.RedisRefused: Redis refuses: check it"), "Redis refuses: check it"),
        (HEAD + PROCESS.format("ZeroDivisionError: division by zero"), "ZeroDivisionError: division by zero"),
        (HEAD + PROCESS.format("KeyboardInterrupt"), "KeyboardInterrupt"),
        (HEAD + CHAINED, "ValueError: second"),
        (HEAD + "Caused by: pemja.core.PythonException: <class 'udfs.tables.BundleError'>: no bundle: here\n", "no bundle: here"),
        (HEAD + "Caused by: pemja.core.PythonException: <class 'MemoryError'>\n\tat <string>.open(a.py:1)\n", "MemoryError"),
        ("pemja.core.PythonException: <class 'udfs.tables.BundleError'>: no bundle: here\n\tat <string>.open(a.py:1)\n", "no bundle: here"),
        (HEAD, "org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy"),
        ("java.io.IOException: gone\n\tat java.base/a.B.c(B.java:1)\n\t... 3 more\n", "java.io.IOException: gone"),
        ("  something else \n\n", "something else"),
        ("", "unknown"),
    ],
)
def test_root_cause(trace: str, cause: str) -> None:
    assert root_cause(trace) == cause
