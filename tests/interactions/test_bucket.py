from hypothesis import given
from hypothesis import strategies as st

from interactions.bucket import Bucket


@given(st.integers(1, 20), st.lists(st.floats(0, 5), max_size=60))
def test_a_bucket_gives_no_more_than_its_burst_and_its_rate(burst: int, pauses: list[float]) -> None:
    bucket, now, taken = Bucket(burst, 2, now=0), 0.0, 0
    for pause in pauses:
        now += pause
        taken += bucket.take(now)
        assert taken <= burst + 2 * now + 1e-6


def test_a_bucket_fills_again() -> None:
    bucket = Bucket(2, 1, now=0)
    assert [bucket.take(0) for _ in range(3)] == [True, True, False]
    assert not bucket.full(1) and bucket.full(2)
    assert bucket.take(1)
