"""The schema as tests and `liteorm check --schema schema:migration` make it: by Alembic."""

import sys
from pathlib import Path

from liteorm_testing import Migration

HERE = Path(__file__).parent
migration = Migration(
    [sys.executable, "-m", "alembic", "-c", str(HERE / "alembic.ini"), "upgrade", "head"],
    files=[HERE / "migrations/*.py", HERE / "migrations/versions/*.py"],
)
