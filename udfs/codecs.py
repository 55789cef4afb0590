"""How blocks of Avro files are compressed (specification 1.12, "Required Codecs", "Optional Codecs")."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable

CRC_BYTES = 4


def _deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def _snappy(data: bytes) -> bytes:
    import cramjam

    return bytes(cramjam.snappy.compress_raw(data)) + zlib.crc32(data).to_bytes(CRC_BYTES, "big")


def _unsnappy(data: bytes) -> bytes:
    import cramjam

    body = bytes(cramjam.snappy.decompress_raw(data[:-CRC_BYTES]))
    if zlib.crc32(body).to_bytes(CRC_BYTES, "big") != data[-CRC_BYTES:]:
        raise ValueError("checksum differs")
    return body


def _zstandard(data: bytes) -> bytes:
    import cramjam

    return bytes(cramjam.zstd.compress(data))


def _unzstandard(data: bytes) -> bytes:
    import cramjam

    return bytes(cramjam.zstd.decompress(data))


CODECS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "null": (bytes, bytes),
    "deflate": (_deflate, lambda data: zlib.decompress(data, wbits=-15)),
    "snappy": (_snappy, _unsnappy),
    "zstandard": (_zstandard, _unzstandard),
    "bzip2": (bz2.compress, bz2.decompress),
    "xz": (lzma.compress, lzma.decompress),
}
"""Compress and decompress, by the codec's name."""
