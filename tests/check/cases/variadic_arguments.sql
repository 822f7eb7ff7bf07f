-- Arguments of a variadic strict function are put into an array, which is not NULL.

CREATE FUNCTION most(VARIADIC int[]) RETURNS int IMMUTABLE STRICT LANGUAGE sql
    AS 'SELECT max(x) FROM unnest($1) x';
CREATE TABLE t (n int);
INSERT INTO t VALUES (NULL), (1);

-- statement
SELECT n FROM t WHERE most(n, 1) > 0

-- expected
--   n: not known
