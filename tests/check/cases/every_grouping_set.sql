-- A column that is in every grouping set.

CREATE TABLE t (id int NOT NULL, deleted_at timestamptz, qty int, note text, a int, b int);
INSERT INTO t VALUES (1, NULL, 2, '', NULL, 1), (2, now(), NULL, NULL, 3, NULL), (3, 'infinity', 5, 'x', 3, 3);

-- statement
SELECT id, qty, count(*) FROM t WHERE qty IS NOT NULL GROUP BY GROUPING SETS ((id, qty), (id))

-- expected
--   id: fits
--   qty: can be NULL
--   count: fits
