from pathlib import Path
from typing import Any

from tests.live import Site


def settings(folder: Path) -> dict[str, str]:
    return {}


def measure(site: Site, quick: bool) -> dict[str, Any]:
    return {}
