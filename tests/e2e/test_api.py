"""Schemathesis asks the running site whatever its description allows, and forbids: nothing may surprise it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.streamer import Streamer
from tests.live import CHECKOUT, Site

CONFIG = """
[generation]
allow-x00 = false
max-examples = 20
deterministic = true

[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 403, 404, 409, 422, 429]

[[operations]]
include-path = "/api/v1/channels/{{name}}/"
parameters = {{ "path.name" = "{own}" }}

[[operations]]
include-path = "/api/v1/channels/{{name}}/broadcasts/"
parameters = {{ "path.name" = "{own}" }}

[[operations]]
include-path = "/api/v1/following/{{name}}/"
parameters = {{ "path.name" = "{other}" }}

[headers]
Authorization = "Bearer ${{TOKEN}}"
"""
RATE = "540/m"  # below what one account may ask
LONGEST_S = 900


@pytest.mark.long
def test_it_does_what_its_description_says(site: Site, alice: Streamer, bob: Streamer, tmp_path: Path) -> None:
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG.format(own=alice.name, other=bob.name))
    asked = [f"{site.url}/api/schema/", "--url", site.url, "--rate-limit", RATE]
    result = subprocess.run(
        [CHECKOUT / ".venv/bin/schemathesis", "--config-file", config, "run", *asked],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        cwd=tmp_path,
        env=os.environ | {"TOKEN": alice.token(), "NO_COLOR": "1"},
    )
    assert result.returncode == 0, result.stdout[-20_000:] + result.stderr
