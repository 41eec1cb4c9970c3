"""Where the RTMP server asks."""

from __future__ import annotations

import re
from pathlib import Path

from tests.e2e.processes import commands
from tests.live import Site


def hook(site: Site) -> str:
    """With the boot id in its configuration."""
    [command] = [line for line in commands(site).values() if "nginx" in line and " -c " in line]
    found = re.search(r"on_publish (\S+);", Path(command.split(" -c ")[1].split()[0]).read_text())
    assert found
    return found[1]
