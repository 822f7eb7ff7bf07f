-- sqlx 864 and pgtyped 191: count(*) was said to be nullable.

CREATE TABLE t (a int);

-- statement
SELECT count(*) AS n, count(*)::int AS m FROM t WHERE a = 1

-- expected
--   n: fits
--   m: fits
