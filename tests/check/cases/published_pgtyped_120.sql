-- pgtyped 120: what is computed from a nullable column was said to be never NULL.

CREATE TABLE t (n int, at date);
INSERT INTO t VALUES (NULL, NULL);

-- statement
SELECT sum(n) * 12 AS hours, to_char(at, 'DD.MM.YYYY') AS day FROM t GROUP BY at

-- expected
--   hours: can be NULL
--   day: can be NULL
