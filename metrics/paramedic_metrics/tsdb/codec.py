"""Columns of numbers as bytes: a codec id, a checksum, and the compressed numbers.

    offset  size
    0       4     CRC-32 of all that follows (zlib.crc32)
    4       1     codec: 1 is pcodec, 2 zstd over the bytes of all numbers by significance, 3 raw
    5       4     bytes of the payload, which follows

Little-endian throughout. How many numbers there are, and of which type, whoever reads it knows already: so a damaged or
foreign column can never ask for memory.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import cramjam
import numpy as np
import pcodec  # type: ignore[import-untyped]  # it has no stubs
from numpy.typing import NDArray

from paramedic_core.errors import BadInput

PCO, ZSTD, RAW = 1, 2, 3
HEADER = struct.Struct("<IBI")
_LEVEL = 8
_AS_IS = pcodec.ChunkConfig(compression_level=_LEVEL, delta_spec=pcodec.DeltaSpec.no_op())
_AUTO = pcodec.ChunkConfig(compression_level=_LEVEL)


def pack(numbers: NDArray[Any], *, codec: int = PCO, differ: bool = True) -> bytes:
    """A column as bytes; raw where compressing would not make it smaller.

    Args:
        numbers: one-dimensional.
        codec: the first to try.
        differ: let pcodec look for trends itself; False when the numbers are differences already.
    """
    numbers = np.ascontiguousarray(numbers)
    raw = numbers.astype(numbers.dtype.newbyteorder("<"), copy=False).tobytes()
    payload = raw
    if len(raw) > 16:
        if codec == PCO and numbers.dtype.itemsize > 1:
            payload = pcodec.standalone.simple_compress(numbers, _AUTO if differ else _AS_IS)
        elif codec == ZSTD:
            payload = deflate(_by_significance(raw, numbers.dtype.itemsize), 9)
    if len(payload) >= len(raw):
        codec, payload = RAW, raw
    head = HEADER.pack(0, codec, len(payload))
    return struct.pack("<I", zlib.crc32(payload, zlib.crc32(head[4:]))) + head[4:] + payload


def unpack(data: memoryview, count: int, kind: Any) -> tuple[NDArray[Any], int]:
    """A column, and how many bytes of `data` it took.

    Args:
        data: begins with the column.
        count: how many numbers it must hold.
        kind: their NumPy type.

    Raises:
        BadInput: it is damaged, cut, or holds another number of numbers.
    """
    if len(data) < HEADER.size:
        raise BadInput("a column is cut")
    crc, codec, length = HEADER.unpack_from(data)
    end = HEADER.size + length
    if len(data) < end:
        raise BadInput("a column is cut")
    if zlib.crc32(data[4:end]) != crc:
        raise BadInput("a column's checksum is wrong")
    payload = data[HEADER.size : end]
    numbers = np.empty(count, kind)
    try:
        _decode(codec, payload, numbers)
    except (RuntimeError, TypeError, ValueError) as error:
        raise BadInput(f"a column cannot be unpacked: {error}") from error
    return numbers, end


def deflate(data: bytes, level: int = 3) -> bytes:
    """Zstd."""
    return bytes(cramjam.zstd.compress(data, level=level))


def inflate(data: memoryview, size: int) -> bytes:
    """What `deflate` was given.

    Args:
        data: from `deflate`.
        size: how many bytes it must be.

    Raises:
        BadInput: it is damaged, or of another size.
    """
    out = bytearray(size)
    try:
        got = cramjam.zstd.decompress_into(data, out)
    except cramjam.DecompressionError as error:
        raise BadInput(f"compressed bytes are damaged: {error}") from error
    if got != size:
        raise BadInput(f"compressed bytes hold {got} bytes, not {size}")
    return bytes(out)


def _decode(codec: int, payload: memoryview, numbers: NDArray[Any]) -> None:
    size = numbers.dtype.itemsize
    if codec == RAW:
        if len(payload) != numbers.nbytes:
            raise BadInput(f"a column has {len(payload)} bytes, not {numbers.nbytes}")
        numbers[:] = np.frombuffer(payload, numbers.dtype.newbyteorder("<"))
    elif codec == PCO:
        progress = pcodec.standalone.simple_decompress_into(bytes(payload), numbers)
        if progress.n_processed != len(numbers) or not progress.finished:
            raise BadInput(f"a column does not hold {len(numbers)} numbers")
    elif codec == ZSTD:
        flat = np.frombuffer(inflate(payload, numbers.nbytes), np.uint8)
        numbers[:] = np.ascontiguousarray(flat.reshape(size, -1).T).view(numbers.dtype.newbyteorder("<")).ravel()
    else:
        raise BadInput(f"a column has codec {codec}, which is not known here: is it from a newer paramedic?")


def _by_significance(raw: bytes, size: int) -> bytes:
    return np.frombuffer(raw, np.uint8).reshape(-1, size).T.tobytes()
