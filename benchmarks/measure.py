"""Takes one figure beside a running site: python -m benchmarks.measure FIGURE FILE [--quick]"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import time
from pathlib import Path

from benchmarks import surroundings
from benchmarks.figures import FIGURES
from benchmarks.processes import Load
from tests.live import Site


def main(figure: str, file: str, *options: str) -> None:
    site = Site.of(Path(os.environ["LIVESTREAM_ENV"]))
    stack = os.getppid()
    before, began = Load.now(stack), time.monotonic()
    found = FIGURES[figure].measure(site, quick="--quick" in options)
    seconds = time.monotonic() - began
    about = {
        "figure": figure,
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="minutes"),
        "seconds": round(seconds),
        "cores": Load.now(stack).since(before, seconds),
        "machine": surroundings.machine(),
        "versions": surroundings.versions(),
    }
    Path(file).write_text(json.dumps(about | found, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
