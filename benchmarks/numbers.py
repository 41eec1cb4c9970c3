"""What is said of many measured values."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

Spread = dict[str, float]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all do not exceed."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def spread(values: Sequence[float], digits: int = 0) -> Spread:
    named = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(percentile(values, share), digits) for name, share in named.items()} | {"count": len(values)}


def curve(values: Sequence[float], points: int = 100, digits: int = 1) -> list[float]:
    """The values' distribution, for drawing: every hundredth percentile."""
    return [round(percentile(values, number / points), digits) for number in range(1, points + 1)]
