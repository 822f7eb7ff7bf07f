-- The row that is in the way has the key that was to be inserted.

CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, email text UNIQUE, name text, other text UNIQUE);
INSERT INTO t (email, name) VALUES ('a', NULL);

-- statement
INSERT INTO t (email, name, other) VALUES ('a', 'x', 'y') ON CONFLICT (email) DO UPDATE SET name = excluded.name
RETURNING id, email, name, other

-- expected
--   id: fits
--   email: fits
--   name: fits
--   other: can be NULL
