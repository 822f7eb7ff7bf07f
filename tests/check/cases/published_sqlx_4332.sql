-- sqlx 4332: the old row of an INSERT was said to be never NULL.
-- since PostgreSQL 18

CREATE TABLE files (hash text PRIMARY KEY);

-- statement
INSERT INTO files VALUES ('a') ON CONFLICT (hash) DO NOTHING RETURNING old.hash AS o, new.hash AS n

-- expected
--   o: can be NULL
--   n: fits
