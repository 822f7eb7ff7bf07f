-- What is random, comes from a subquery, is left out by a grouping set, or stands before a join is another value.

CREATE TABLE t (id int NOT NULL, n int);
INSERT INTO t VALUES (1, 1), (2, 2), (3, NULL);
CREATE FUNCTION sometimes(n int) RETURNS int VOLATILE LANGUAGE sql AS 'SELECT nullif(n, nullif(1, (random() * 1000)::int))';
CREATE FUNCTION odd(n int) RETURNS int IMMUTABLE STRICT LANGUAGE sql AS 'SELECT nullif(n % 2, 0)';

-- statement
SELECT sometimes(s.id) AS a, odd(s.id) AS b, odd(j.id) AS c, (SELECT r.k FROM (SELECT odd(u.n) AS k FROM t u WHERE odd(u.n) IS NOT NULL GROUP BY ROLLUP (u.n) ORDER BY u.n NULLS LAST OFFSET 1 LIMIT 1) r) AS d
FROM t s LEFT JOIN t j ON j.n = s.n AND odd(j.id) IS NOT NULL
WHERE sometimes(s.id) IS NOT NULL AND odd(s.id) IS NOT NULL

-- expected
--   a: not known
--   b: fits
--   c: can be NULL
--   d: can be NULL
