-- OLD is NULL for a row that an upsert inserts.
-- since PostgreSQL 18

CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL);

-- statement
INSERT INTO t VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET n = 3
RETURNING old.n AS before, new.n AS after

-- expected
--   before: can be NULL
--   after: fits
