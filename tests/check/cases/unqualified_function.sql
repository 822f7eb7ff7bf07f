-- A function of the user's own of the same name takes other arguments.

CREATE FUNCTION upper(int) RETURNS text LANGUAGE sql AS 'SELECT NULL';
CREATE TABLE t (name text NOT NULL, n int NOT NULL);
INSERT INTO t VALUES ('a', 1);

-- statement
SELECT upper(name) AS a, upper(n) AS b FROM t

-- expected
--   a: fits
--   b: not known
