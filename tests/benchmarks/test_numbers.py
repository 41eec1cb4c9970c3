from benchmarks.numbers import curve, percentile, spread


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = list(range(1, 101))
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile([7], 0.95) == 7


def test_few_values_have_their_largest_as_the_95th_percentile() -> None:
    assert spread([10, 30, 20]) == {"p50": 20, "p95": 30, "p99": 30, "max": 30, "count": 3}


def test_a_curve_ends_at_the_largest_value() -> None:
    drawn = curve([5.0, 1.0, 3.0])
    assert (len(drawn), drawn[0], drawn[-1]) == (100, 1.0, 5.0)
    assert drawn == sorted(drawn)
