import datetime as dt

from streams import moments


def test_moments_are_unix_milliseconds() -> None:
    noon = dt.datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=dt.UTC)
    assert moments.unix_ms(noon) == 1_772_366_400_250
    assert moments.moment(1_772_366_400_250) == noon
