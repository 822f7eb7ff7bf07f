-- A table below computes a generated column in its own way.
-- since PostgreSQL 16

CREATE TABLE t (id int NOT NULL, n int NOT NULL, s int GENERATED ALWAYS AS (n + 1) STORED);
CREATE TABLE u (s int GENERATED ALWAYS AS (nullif(n, n)) STORED) INHERITS (t);
INSERT INTO u (id, n) VALUES (1, 1);

-- statement
SELECT id, s FROM t

-- expected
--   id: fits
--   s: not known
