"""Where limit_ratio puts a series: xxHash64 of its labels, as Prometheus lays them out (model/labels, stringlabels)."""

from __future__ import annotations

from paramedic_metrics.series import Labels

_MASK = (1 << 64) - 1
_P1, _P2, _P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
_P4, _P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5


def ratio_place(labels: Labels) -> float:
    """The series' fixed place between 0 and 1."""
    data = bytearray()
    for pair in labels:
        for text in pair:
            raw = text.encode(errors="replace")
            data += bytes([len(raw)]) if len(raw) < 255 else b"\xff" + len(raw).to_bytes(3, "little")
            data += raw
    return xxhash64(bytes(data)) / float(_MASK)


def _turned(value: int, count: int) -> int:
    return ((value << count) | (value >> (64 - count))) & _MASK


def _round(state: int, lane: int) -> int:
    return _turned((state + lane * _P2) & _MASK, 31) * _P1 & _MASK


def _lane(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def _stripes(data: bytes) -> tuple[int, int]:
    """The state after all whole stripes of 32 bytes, and where they end."""
    states = [(_P1 + _P2) & _MASK, _P2, 0, -_P1 & _MASK]
    at = 0
    while at + 32 <= len(data):
        states = [_round(state, _lane(data, at + 8 * place)) for place, state in enumerate(states)]
        at += 32
    mixed = sum(_turned(state, count) for state, count in zip(states, (1, 7, 12, 18), strict=True)) & _MASK
    for state in states:
        mixed = ((mixed ^ _round(0, state)) * _P1 + _P4) & _MASK
    return mixed, at


def xxhash64(data: bytes) -> int:
    """xxHash64 with seed 0 (github.com/Cyan4973/xxHash, doc/xxhash_spec.md)."""
    state, at = _stripes(data) if len(data) >= 32 else (_P5, 0)
    state = (state + len(data)) & _MASK
    while at + 8 <= len(data):
        state = (_turned(state ^ _round(0, _lane(data, at)), 27) * _P1 + _P4) & _MASK
        at += 8
    if at + 4 <= len(data):
        word = int.from_bytes(data[at : at + 4], "little")
        state = (_turned(state ^ (word * _P1 & _MASK), 23) * _P2 + _P3) & _MASK
        at += 4
    for byte in data[at:]:
        state = _turned(state ^ (byte * _P5 & _MASK), 11) * _P1 & _MASK
    state = (state ^ (state >> 33)) * _P2 & _MASK
    state = (state ^ (state >> 29)) * _P3 & _MASK
    return state ^ (state >> 32)
