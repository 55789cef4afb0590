"""The base of every error that a user can put right."""

from __future__ import annotations


class SwerveError(Exception):
    """Something a user can put right: the command line prints it as one line, without a traceback.

    Parameters
    ----------
    message : str
        What is wrong, in one line, naming the file, key or address.
    hint : str, optional
        What to do about it, in one line.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(SwerveError):
    """The command line or the settings are wrong (exit code 2)."""
