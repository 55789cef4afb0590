"""What went wrong, in one line, with what to do about it and the exit code."""

from __future__ import annotations

import errno

from udfs.errors import SwerveError, UsageError

FAILED, USAGE = 1, 2

_HINTS = {
    errno.ENOSPC: "make room on the disk, or write somewhere else",
    errno.EDQUOT: "make room on the disk, or write somewhere else",
    errno.EADDRINUSE: "another program has the port: stop it, or choose another",
    errno.EACCES: "check who may read and write there",
    errno.EPERM: "check who may read and write there",
    errno.EROFS: "write somewhere else",
    errno.ENOENT: "check the name",
    errno.EISDIR: "a file is wanted here",
    errno.ENOTDIR: "a folder is wanted here",
    errno.EEXIST: "remove it, or choose another name",
    errno.EMFILE: "raise the limit of open files: ulimit -n 65536",
    errno.ECONNREFUSED: "is it running, and is the address right?",
}


def explain(error: BaseException) -> tuple[str, str, int]:
    """Describe an error to who typed the command.

    Returns
    -------
    tuple of str, str and int
        What is wrong, what to do about it, and the exit code.
    """
    if isinstance(error, SwerveError):
        return _line(error.message), _line(error.hint), USAGE if isinstance(error, UsageError) else FAILED
    if isinstance(error, OSError) and error.errno is not None:
        name = error.filename if error.filename is not None else ""
        what = f"{error.strerror or type(error).__name__}: {name}" if name != "" else f"{error.strerror or error}"
        return _line(what[:1].lower() + what[1:]), _HINTS.get(error.errno, ""), FAILED
    if isinstance(error, MemoryError):
        return "out of memory", "close other programs, or use less data", FAILED
    if "\n\tat " in str(error):
        from jobs.causes import root_cause

        return f"Flink did not take the job: {_line(root_cause(str(error)))}", "SWERVE_DEBUG=1 shows the whole trace", FAILED
    return (
        f"unexpected {type(error).__name__}: {_line(str(error)) or 'no more is known'}",
        "SWERVE_DEBUG=1 shows where; please report it",
        FAILED,
    )


def _line(text: str) -> str:
    return " ".join(text.split())
