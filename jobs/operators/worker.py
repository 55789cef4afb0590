"""What a Python worker of Flink needs before it imports the core."""

from __future__ import annotations

import builtins


def restore_print() -> None:
    """Give `print` back to the process.

    PyFlink's worker replaces the built-in by a method of its own, and Numba, which looks built-in functions up by module and name, then
    fails at its import.
    """
    replaced = getattr(builtins.print, "__self__", None)
    original = getattr(replaced, "_print", None)
    if original is not None:
        builtins.print = original
