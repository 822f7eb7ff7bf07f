-- LEFT JOIN LATERAL of what always has a row.

CREATE TABLE t (id int NOT NULL, deleted_at timestamptz, qty int, note text, a int, b int);
INSERT INTO t VALUES (1, NULL, 2, '', NULL, 1), (2, now(), NULL, NULL, 3, NULL), (3, 'infinity', 5, 'x', 3, 3);

-- statement
SELECT l.n, l.m FROM t LEFT JOIN LATERAL (SELECT count(*) AS n, max(u.qty) AS m FROM t u WHERE u.id = t.id AND u.qty > 2) l ON true

-- expected
--   n: fits
--   m: can be NULL
