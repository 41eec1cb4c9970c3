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
"""
RATE = "540/m"  # below what one account may ask
LONGEST_S = 1500


@pytest.mark.long
@pytest.mark.parametrize("has_token", [True, False])
def test_it_does_what_its_description_says(site: Site, alice: Streamer, tmp_path: Path, has_token: bool) -> None:
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG + ('[headers]\nAuthorization = "Bearer ${TOKEN}"\n' if has_token else ""))
    rate = RATE if has_token else "55/m"
    asked = ["--rate-limit", rate, "--url", site.url, "--exclude-path-regex", "^/api/(schema|docs)"]
    if not has_token:
        asked += ["--phases", "fuzzing", "--include-method", "GET"]
    result = subprocess.run(
        [CHECKOUT / ".venv/bin/schemathesis", "--config-file", config, "run", f"{site.url}/api/schema/", *asked],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        env=os.environ | {"TOKEN": alice.token(), "NO_COLOR": "1"},
    )
    assert result.returncode == 0, result.stdout[-20_000:] + result.stderr
