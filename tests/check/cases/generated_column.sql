-- A generated column from what is NOT NULL.

CREATE TABLE t (n int NOT NULL, m int, s int GENERATED ALWAYS AS (n + 1) STORED, r int GENERATED ALWAYS AS (m + 1) STORED);
INSERT INTO t (n) VALUES (1);

-- statement
SELECT s, r FROM t

-- expected
--   s: fits
--   r: can be NULL
