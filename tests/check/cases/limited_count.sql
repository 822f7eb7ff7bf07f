-- LIMIT of one or more rows keeps the one that is certain; OFFSET and LIMIT 0 do not.

CREATE TABLE t (id int NOT NULL, qty int);
INSERT INTO t VALUES (1, NULL), (2, 2);

-- statement
SELECT (SELECT count(*) FROM t LIMIT 1) AS a, (SELECT count(*) FROM t OFFSET 0) AS b,
       (SELECT count(*) FROM t FETCH FIRST 2 ROWS ONLY) AS c, (SELECT count(*) FROM t OFFSET 1) AS d,
       (SELECT count(*) FROM t LIMIT 1 - 1) AS e, l.n
FROM t LEFT JOIN LATERAL (SELECT count(*) AS n FROM t u WHERE u.id > t.id LIMIT 1) l ON true

-- expected
--   a: fits
--   b: fits
--   c: fits
--   d: can be NULL
--   e: can be NULL
--   n: fits
