"""Reading text files row by row: .gz as it is, with line numbers, going on behind a row that cannot be read."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from udfs.container import ArchiveError
from udfs.errors import UsageError

GZIP_MAGIC = b"\x1f\x8b"
BYTES_A_STEP = 1 << 20

Progress = Callable[[int, int], None]


class Row(NamedTuple):
    """A row: its line, from 1, and its fields."""

    line: int
    fields: list[str]


class BadRow(Exception):
    """A row that makes no event; the argument is the reason."""


class Source:
    """A text file.

    Parameters
    ----------
    path
        The file.
    progress
        Called with the bytes read and to read.

    Raises
    ------
    ArchiveError
        If it is not there or cannot be read.
    """

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        self.path = path
        self._progress = progress
        if path.is_dir():
            raise ArchiveError(f"{path} is a folder", "import reads one file")
        try:
            with path.open("rb") as file:
                self._gzipped = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            self._size = path.stat().st_size
        except OSError as error:
            raise ArchiveError(f"cannot read {path}: {error.strerror or error}") from error
        self.first_line = next(self.lines(), "")
        if not self.first_line:
            raise ArchiveError(f"{path} is empty", "import reads a file with a header")

    def lines(self) -> Iterator[str]:
        """Give the lines; bytes that are not UTF-8 become lone surrogates, which no event takes."""
        number = 0
        try:
            with self.path.open("rb") as raw:
                data = gzip.GzipFile(fileobj=raw) if self._gzipped else raw
                reported = 0
                with io.TextIOWrapper(data, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
                    for line in text:
                        number += 1
                        yield line
                        if self._progress and raw.tell() - reported >= BYTES_A_STEP:
                            reported = raw.tell()
                            self._progress(reported, self._size)
        except EOFError as error:
            raise ArchiveError(f"{self.path} is cut short after line {number}", "fetch it again") from error
        except (OSError, zlib.error) as error:
            raise ArchiveError(f"cannot read {self.path} after line {number}: {error}", "fetch it again") from error

    def rows(self, delimiter: str = ",") -> Iterator[Row | tuple[int, str]]:
        """Give the rows of a CSV file; a row that cannot be read is a line and a reason. Without a delimiter a line is one field."""
        if not delimiter:
            yield from (Row(line, [text]) for line, text in enumerate(self.lines(), 1) if text.strip())
            return
        reader = csv.reader(self.lines(), delimiter=delimiter)
        while True:
            line = reader.line_num + 1
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, f"no CSV: {error}"
                continue
            if fields:
                yield Row(line, fields)

    def delimiter(self) -> str:
        """Guess what separates the columns from the first line."""
        return max(",\t;", key=self.first_line.count)

    def header(self, delimiter: str = ",") -> list[str]:
        """Give the names in the first line."""
        return next(csv.reader([self.first_line], delimiter=delimiter))

    def require(self, columns: Sequence[str], delimiter: str = ",") -> None:
        """Refuse a file without some columns.

        Raises
        ------
        UsageError
            If one is missing.
        """
        there = self.header(delimiter)
        missing = [column for column in columns if column not in there]
        if missing:
            raise UsageError(f"{self.path} has no column {', '.join(missing)}", f"it has {', '.join(there)[:200]}: is the format right?")
