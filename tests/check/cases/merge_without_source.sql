-- MERGE returns rows for which the source has none.
-- since PostgreSQL 17

CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL);
CREATE TABLE s (id int NOT NULL, n int NOT NULL);
INSERT INTO t VALUES (1, 1);

-- statement
MERGE INTO t USING s ON t.id = s.id
WHEN NOT MATCHED BY SOURCE THEN UPDATE SET n = 2 RETURNING t.n, s.n AS m

-- expected
--   n: fits
--   m: can be NULL
