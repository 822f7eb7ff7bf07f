"""docs/types.md is written from the one table."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_says_what_the_table_says() -> None:
    """A change of the table changes the page: run python .ci/types_page.py."""
    command = [sys.executable, str(ROOT / ".ci" / "types_page.py"), "--check"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
