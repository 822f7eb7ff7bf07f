-- SafeQL 499: LEFT JOIN in a WITH query.

CREATE TABLE t (id int NOT NULL);
CREATE TABLE u (name text NOT NULL);
INSERT INTO t VALUES (1);

-- statement
WITH s AS (SELECT u.name FROM t LEFT JOIN u ON false) SELECT s.name FROM s

-- expected
--   name: can be NULL
