-- LIMIT NULL is no limit; LIMIT 0 is one.

CREATE TABLE t (id int NOT NULL, qty int);
INSERT INTO t VALUES (1, NULL), (2, 2);

-- statement
SELECT (SELECT 1 LIMIT NULL) AS a, (SELECT count(*) FROM t LIMIT ALL OFFSET NULL) AS b, (SELECT 1 LIMIT 0) AS c,
       (SELECT max(id) FROM t u WHERE u.qty > 5 LIMIT NULL) AS d

-- expected
--   a: fits
--   b: fits
--   c: can be NULL
--   d: can be NULL
