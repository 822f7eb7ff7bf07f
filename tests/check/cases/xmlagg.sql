-- xmlagg of NULLs is NULL.

CREATE TABLE t (id int NOT NULL, x text);
INSERT INTO t VALUES (1, NULL);

-- statement
SELECT xmlagg(x::xml)::text AS a FROM t GROUP BY id

-- expected
--   a: can be NULL
