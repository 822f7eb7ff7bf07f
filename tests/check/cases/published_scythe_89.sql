-- scythe 89: lag with a default was said to be nullable.

CREATE TABLE t (n int NOT NULL);
INSERT INTO t VALUES (1), (2);

-- statement
SELECT lag(n) OVER (ORDER BY n) AS before, lag(n, 1, 0) OVER (ORDER BY n) AS or_zero FROM t

-- expected
--   before: can be NULL
--   or_zero: fits
