-- System columns without the table's name.

CREATE TABLE t (id int NOT NULL, deleted_at timestamptz, qty int, note text, a int, b int);
INSERT INTO t VALUES (1, NULL, 2, '', NULL, 1), (2, now(), NULL, NULL, 3, NULL), (3, 'infinity', 5, 'x', 3, 3);

-- statement
INSERT INTO t (id) VALUES (7) RETURNING (xmax = 0) AS inserted

-- expected
--   inserted: fits
