"""Measures figures, each on a site of its own, then writes the page: see script/bench."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.figures import FIGURES
from deploy.local.instance import CHECKOUT
from deploy.local.program import bound

SITE = CHECKOUT / "var/bench"
RESULTS = CHECKOUT / "docs/performance"
QUICK_RESULTS = SITE / "performance"
LONGEST_S = 600
STOPPING_S = 30


def main() -> int:
    parser = argparse.ArgumentParser("script/bench")
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=" ".join(FIGURES))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--draw", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.figures) - FIGURES.keys():
        parser.error(f"no such figure: {' '.join(unknown)}")
    results = QUICK_RESULTS if options.quick else RESULTS
    results.mkdir(parents=True, exist_ok=True)
    failed = [] if options.draw else [name for name in options.figures or FIGURES if not take(name, results, options.quick)]
    report.write(results)
    print(f"Written to {results.relative_to(CHECKOUT)}.", *(f"{name} could not be measured." for name in failed))
    return 1 if failed else 0


def take(figure: str, results: Path, quick: bool) -> bool:
    """Whether the figure could be measured, on a site that is started for it."""
    print(f"· {figure}", flush=True)
    SITE.mkdir(parents=True, exist_ok=True)
    measure = [sys.executable, "-m", "benchmarks.measure", figure, str(results / f"{figure}.json")]
    measure += ["--quick"] if quick else []
    stack = [sys.executable, "-m", "deploy.local.stack", str(SITE), "--run", *measure]
    environment = os.environ | FIGURES[figure].settings(SITE)
    with subprocess.Popen([*bound(), *stack], cwd=CHECKOUT, env=environment) as process:
        try:
            return process.wait(LONGEST_S) == 0
        except subprocess.TimeoutExpired:
            print(f"{figure} took longer than {LONGEST_S} s.", file=sys.stderr)
            stop(process)
            return False


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOPPING_S)
    except subprocess.TimeoutExpired:
        process.kill()


if __name__ == "__main__":
    sys.exit(main())
