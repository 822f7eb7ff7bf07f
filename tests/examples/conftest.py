"""The helpdesk's schema, by its own migrations."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from liteorm import postgres
from liteorm_testing import Migration

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "helpdesk"
TENANTS = "INSERT INTO tenants VALUES (1, 'Acme'), (2, 'Globex');"


@pytest.fixture(autouse=True, scope="module")
def importable() -> Iterator[None]:
    """Let the example be imported, and forget it afterwards."""
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))
    for name in [name for name in sys.modules if name.split(".")[0] in ("helpdesk", "schema")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def liteorm_schema(importable: None) -> Migration:
    """The example's schema, made by its Alembic revisions, with two tenants."""
    migration = importlib.import_module("schema").migration

    def migrate(dsn: str) -> None:
        migration.run(dsn)
        with postgres.open(dsn) as db:
            db.execute(TENANTS)

    return Migration(migrate, fingerprint=migration.digest())
