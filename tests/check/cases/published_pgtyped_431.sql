-- pgtyped 431: UNION made all columns nullable.

CREATE TABLE t (id int NOT NULL, author int);
INSERT INTO t VALUES (1, NULL);

-- statement
SELECT * FROM t UNION SELECT * FROM t

-- expected
--   id: fits
--   author: can be NULL
