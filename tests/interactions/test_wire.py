from hypothesis import given
from hypothesis import strategies as st

from interactions import wire


@given(st.integers(1, 2**53))
def test_an_account_is_found_by_what_the_wire_calls_it(pk: int) -> None:
    assert wire.user_pk(wire.user_id(pk)) == pk
