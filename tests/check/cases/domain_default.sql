-- A domain with a default fills the column.

CREATE DOMAIN counted AS int DEFAULT 7;
CREATE TABLE t (id int NOT NULL, n counted, m int DEFAULT 1, o int);

-- statement
INSERT INTO t (id) VALUES (1) RETURNING n, m, o

-- expected
--   n: fits
--   m: fits
--   o: can be NULL
