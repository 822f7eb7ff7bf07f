-- Where no row of the source matches, PostgreSQL leaves what a subquery computes as it is.
-- since PostgreSQL 17

CREATE TABLE t (id int PRIMARY KEY, n int);
CREATE TABLE u (id int NOT NULL);
INSERT INTO t VALUES (1, 1), (2, 2);
INSERT INTO u VALUES (1);

-- statement
MERGE INTO t USING (u JOIN (SELECT 'x'::text AS x, id FROM u) q ON q.id = u.id) ON t.id = u.id
WHEN MATCHED THEN UPDATE SET n = 2 WHEN NOT MATCHED BY SOURCE THEN UPDATE SET n = 1
RETURNING u.id AS a, q.x, q.id AS b

-- expected
--   a: can be NULL
--   x: not known
--   b: not known
