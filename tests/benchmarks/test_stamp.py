from hypothesis import given
from hypothesis import strategies as st

from benchmarks import stamp

STAMPS = st.integers(0, 2**47 - 1)
WIDTHS = st.sampled_from([320, 640, 1280, 1920])


@given(STAMPS, WIDTHS)
def test_a_stamp_is_read_as_it_was_drawn(stamp_ms: int, width: int) -> None:
    assert stamp.read(stamp.row(stamp_ms, width)) == stamp_ms


@given(STAMPS, WIDTHS, st.randoms(use_true_random=False))
def test_a_lossy_encoder_in_between_changes_nothing(stamp_ms: int, width: int, random: object) -> None:
    blurred = [min(255, max(0, luma + random.randint(-60, 60))) for luma in stamp.row(stamp_ms, width)]  # type: ignore[attr-defined]
    assert stamp.read(blurred) == stamp_ms


@given(STAMPS, st.integers(0, stamp.CELLS - 1))
def test_a_cell_that_was_read_wrongly_is_noticed(stamp_ms: int, cell: int) -> None:
    size = stamp.cell_size(1280)
    row = bytearray(stamp.row(stamp_ms, 1280))
    span = slice(cell * size, (cell + 1) * size)
    row[span] = bytes(stamp.BLACK + stamp.WHITE - luma for luma in row[span])
    assert stamp.read(row) is None


def test_the_strip_lies_in_the_upper_left_of_the_picture() -> None:
    assert len(stamp.row(0, 1280)) == stamp.CELLS * 16 < 1280
