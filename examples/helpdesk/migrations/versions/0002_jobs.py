"""Work for the worker."""

from alembic import op

revision, down_revision = "0002", "0001"

SQL = """
-- Work for the worker, who sees all tenants.
CREATE TABLE jobs (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_setting('app.tenant')::int,
    ticket_id int NOT NULL,
    kind text NOT NULL,
    attempts int NOT NULL DEFAULT 0,
    due timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON jobs USING (tenant_id = current_setting('app.tenant')::int);
GRANT INSERT ON jobs TO helpdesk_app;
"""


def upgrade() -> None:
    op.execute(SQL)
