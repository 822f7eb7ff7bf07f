-- A CASE that asks whether there is a row.

CREATE TABLE t (id int NOT NULL, deleted_at timestamptz, qty int, note text, a int, b int);
INSERT INTO t VALUES (1, NULL, 2, '', NULL, 1), (2, now(), NULL, NULL, 3, NULL), (3, 'infinity', 5, 'x', 3, 3);

-- statement
SELECT CASE WHEN count(*) = 0 THEN 0 ELSE sum(id) / count(*) END AS a,
       CASE WHEN count(qty) > 0 THEN max(qty) ELSE 0 END AS b FROM t WHERE id > 5

-- expected
--   a: fits
--   b: fits
