"""Bytes for people."""

from __future__ import annotations

from collections.abc import Iterator

WIDTH = 16
AT_MOST = 4096


def hexdump(data: bytes, at_most: int = AT_MOST) -> Iterator[str]:
    r"""Lay bytes out in lines of sixteen: offset, hexadecimal digits, and what can be printed of them.

    Parameters
    ----------
    data
        The bytes.
    at_most
        So many are shown; a last line says how many are not.

    Examples
    --------
    >>> list(hexdump(b"\x00ab"))
    ['  00000000  00 61 62                                         .ab']
    """
    for start in range(0, min(len(data), at_most), WIDTH):
        line = data[start : min(start + WIDTH, at_most)]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in line)
        yield f"  {start:08x}  {line.hex(' '):<{3 * WIDTH}} {text}"
    if len(data) > at_most:
        yield f"  … and {len(data) - at_most} bytes more"
