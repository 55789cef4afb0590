"""Avro container files, block by block: where blocks lie, what compresses them, which of them are damaged.

Format: Apache Avro specification 1.12, "Object Container Files".
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from udfs.codecs import CODECS
from udfs.errors import SwerveError

MAGIC = b"Obj\x01"
SYNC_BYTES = 16
VARINT_BITS = 64


class ArchiveError(SwerveError):
    """An archive, or a file of one, cannot be read or written."""


class DamagedBlock(ValueError):
    """A block cannot be opened; the others can."""


@dataclass(frozen=True)
class Block:
    """Where a block lies in its file.

    Attributes
    ----------
    offset, size
        From its count to the end of its sync marker, in bytes of the file.
    count
        Datums in it; 0 if it is damaged.
    body, body_size
        Its compressed datums; all of the block if it is damaged.
    damage
        What is wrong with it; empty if nothing is.
    """

    offset: int
    size: int
    count: int
    body: int
    body_size: int
    damage: str = ""


@dataclass(frozen=True)
class Header:
    """What the first bytes of a container file say.

    Attributes
    ----------
    schema
        The writer schema.
    codec
        How its blocks are compressed.
    sync
        The 16 bytes that end every block.
    size
        Where the first block begins.
    """

    schema: dict[str, Any]
    codec: str
    sync: bytes
    size: int


def read_header(data: bytes | mmap.mmap, path: Path) -> Header:
    """Read the header of a container file.

    Parameters
    ----------
    data
        The file's bytes, or as many of the first as hold the header.
    path
        For messages.

    Raises
    ------
    ArchiveError
        If it is no Avro container file, or has a codec that we do not read.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise ArchiveError(f"{path} is no Avro container file", "an archive's files begin with the bytes 'Obj' and 1")
    meta: dict[str, bytes] = {}
    at = len(MAGIC)
    try:
        while True:
            count, at = read_varint(data, at)
            if count == 0:
                break
            if count < 0:
                count, (_, at) = -count, read_varint(data, at)
            for _ in range(count):
                key, at = _bytes(data, at)
                meta[key.decode()], at = _bytes(data, at)
        sync = bytes(data[at : at + SYNC_BYTES])
        schema = json.loads(meta["avro.schema"])
    except (IndexError, KeyError, ValueError) as error:
        raise ArchiveError(f"{path}: its Avro header ends at byte {at} or makes no sense", "copy or write the file again") from error
    codec = meta.get("avro.codec", b"null").decode("ascii", "replace")
    if len(sync) < SYNC_BYTES:
        raise ArchiveError(f"{path} is cut short at byte {len(data)}, in its header", "copy or write the file again")
    if codec not in CODECS:
        raise ArchiveError(f"{path} is compressed with the codec {codec}", f"write it with one of {', '.join(CODECS)}")
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise ArchiveError(f"{path} holds no records", "an archive holds shop events or raw records")
    return Header(schema, codec, sync, at + SYNC_BYTES)


def scan_blocks(data: bytes | mmap.mmap, header: Header, path: Path, start: int = 0, end: int | None = None) -> Iterator[Block]:
    """Find the blocks of a container file without opening them.

    A block that is not where its count and size say ends at the next sync marker.

    Parameters
    ----------
    data
        The file's bytes.
    header
        Its header.
    path
        For messages.
    start, end
        Where the first block begins and the last one ends; default: all.

    Raises
    ------
    ArchiveError
        If the file ends inside a block.
    """
    at, end = start or header.size, len(data) if end is None else end
    while at < end:
        block = next_block(data, header.sync, at, end)
        if block is None:
            raise ArchiveError(f"{path} is cut short: the block at byte {at} does not end", "copy or write the file again")
        yield block
        at += block.size


def next_block(data: bytes | mmap.mmap, sync: bytes, at: int, end: int) -> Block | None:
    """Find the block at a place; None if the bytes end inside it.

    A block that is not where its count and size say ends at the next sync marker. More bytes do not change what was found: a marker stands
    at the end of a block only.

    Parameters
    ----------
    data
        Bytes of a container file.
    sync
        The file's marker.
    at, end
        Where the block begins, and the bytes end.
    """
    try:
        count, body = read_varint(data, at)
        size, body = read_varint(data, body)
        stop = body + size + SYNC_BYTES
        if count >= 0 and size >= 0 and stop <= end and data[stop - SYNC_BYTES : stop] == sync:
            return Block(at, stop - at, count, body, size)
    except (IndexError, ValueError):
        pass
    marker = data.find(sync, at, end)
    if marker < 0:
        return None
    stop = marker + SYNC_BYTES
    return Block(at, stop - at, 0, at, stop - at, "its count, size and sync marker do not agree")


def open_block(data: bytes | mmap.mmap, block: Block, codec: str) -> bytes:
    """Decompress a block.

    Raises
    ------
    DamagedBlock
        If it cannot be.
    """
    if block.damage:
        raise DamagedBlock(block.damage)
    packed = data[block.body : block.body + block.body_size]
    try:
        return CODECS[codec][1](packed)
    except Exception as error:  # every codec has errors of its own
        raise DamagedBlock(f"{codec}: {error}") from error


def read_varint(data: bytes | mmap.mmap, at: int) -> tuple[int, int]:
    """Read a zigzag number; gives it and where it ends.

    Raises
    ------
    IndexError, ValueError
        If the bytes end, or it has more than 64 bits.
    """
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
        shift += 7
        if shift >= VARINT_BITS:
            raise ValueError("a number of more than 64 bits")


def write_varint(number: int) -> bytes:
    """Encode a number as zigzag varint."""
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _bytes(data: bytes | mmap.mmap, at: int) -> tuple[bytes, int]:
    size, at = read_varint(data, at)
    if size < 0 or at + size > len(data):
        raise IndexError
    return bytes(data[at : at + size]), at + size
