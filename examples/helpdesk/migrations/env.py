"""What Alembic runs: the revisions in versions/, on the database of DATABASE_URL."""

import os

from alembic import context
from sqlalchemy import create_engine

url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
with create_engine(url).connect() as connection:
    context.configure(connection)
    with context.begin_transaction():
        context.run_migrations()
