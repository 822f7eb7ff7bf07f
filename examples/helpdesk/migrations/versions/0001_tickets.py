"""Tickets with comments and tags, and the policies that keep tenants apart."""

from alembic import op

revision, down_revision = "0001", None

SQL = """
-- The role of requests. It owns nothing, so the policies below hold it.
DO $$ BEGIN
    CREATE ROLE helpdesk_app;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

CREATE TYPE status AS ENUM ('open', 'waiting', 'done');

CREATE TABLE tenants (id int PRIMARY KEY, name text NOT NULL);

CREATE TABLE tickets (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_setting('app.tenant')::int REFERENCES tenants,
    subject text NOT NULL CONSTRAINT tickets_subject_not_empty CHECK (subject <> ''),
    status status NOT NULL DEFAULT 'open',
    assignee text,
    created_at timestamptz NOT NULL DEFAULT now(),
    version int NOT NULL DEFAULT 1,
    UNIQUE (tenant_id, id)
);
CREATE INDEX ON tickets (tenant_id, created_at, id);
CREATE INDEX ON tickets (tenant_id, subject, id);

-- A foreign key looks past policies: that it is the same tenant's ticket is part of the key.
CREATE TABLE comments (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT current_setting('app.tenant')::int,
    ticket_id int NOT NULL,
    author text NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT comments_ticket_fkey FOREIGN KEY (tenant_id, ticket_id)
        REFERENCES tickets (tenant_id, id)
);
CREATE INDEX ON comments (tenant_id, ticket_id);

CREATE TABLE tags (
    tenant_id int NOT NULL DEFAULT current_setting('app.tenant')::int,
    ticket_id int NOT NULL,
    tag text NOT NULL,
    PRIMARY KEY (ticket_id, tag),
    FOREIGN KEY (tenant_id, ticket_id) REFERENCES tickets (tenant_id, id)
);

ALTER TABLE tickets ENABLE ROW LEVEL SECURITY;
ALTER TABLE comments ENABLE ROW LEVEL SECURITY;
ALTER TABLE tags ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tickets USING (tenant_id = current_setting('app.tenant')::int);
CREATE POLICY tenant ON comments USING (tenant_id = current_setting('app.tenant')::int);
CREATE POLICY tenant ON tags USING (tenant_id = current_setting('app.tenant')::int);
GRANT SELECT, INSERT, UPDATE, DELETE ON tickets, comments, tags TO helpdesk_app;
"""


def upgrade() -> None:
    op.execute(SQL)
