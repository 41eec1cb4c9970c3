"""A moment drawn into a picture: 47 bits of Unix milliseconds, the most significant first, then parity; ones are white."""

from __future__ import annotations

from collections.abc import Sequence

CELLS = 48
CELL_OF_WIDTH = 80  # a cell is an eightieth of the picture's width
BLACK, WHITE = 16, 235
BRIGHT = 125


def cell_size(width: int) -> int:
    """In pixels, both ways."""
    return width // CELL_OF_WIDTH


def row(stamp_ms: int, width: int) -> bytes:
    """The luma of one row of the strip, for a picture of this width."""
    bits = [(stamp_ms >> shift) & 1 for shift in range(CELLS - 2, -1, -1)]
    bits.append(sum(bits) % 2)
    return b"".join(bytes([WHITE if bit else BLACK]) * cell_size(width) for bit in bits)


def read(luma: Sequence[int]) -> int | None:
    """The stamp in one row of a strip; None where parity says that it was read wrongly."""
    cell = len(luma) // CELLS
    *bits, parity = (int(luma[cell * number + cell // 2] > BRIGHT) for number in range(CELLS))
    if sum(bits) % 2 != parity:
        return None
    return int("".join(map(str, bits)), 2)
