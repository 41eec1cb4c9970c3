import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from interactions import wire


@given(st.integers(1, 2**53))
def test_an_account_is_found_by_what_the_wire_calls_it(pk: int) -> None:
    assert wire.user_pk(wire.user_id(pk)) == pk


def test_moments_are_unix_milliseconds() -> None:
    noon = dt.datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=dt.UTC)
    assert wire.unix_ms(noon) == 1_772_366_400_250
    assert wire.moment(1_772_366_400_250) == noon
