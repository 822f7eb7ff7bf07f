-- What a condition or a CHECK keeps from being equal is not made NULL by nullif.

CREATE TABLE t (n int NOT NULL, price numeric NOT NULL CHECK (price > 0), rate double precision NOT NULL, name text NOT NULL, total numeric NOT NULL);
INSERT INTO t VALUES (1, 0.01, 'NaN', 'x', 'NaN'), (7, 'NaN', 0.5, 'y', 4);

-- statement
SELECT nullif(n, 0) AS a, 100 / nullif(price, 0) AS b, nullif(rate, 0) AS c, nullif(name, '') AS d,
       nullif(n, 1) AS e, nullif(price, 0.01) AS f, nullif(rate, 0.5) AS g, nullif(name, 'y') AS h, nullif(total, 0) AS i
FROM t WHERE n > 0 AND rate > 0 AND name <> '' AND total >= 0 AND total <> 0

-- expected
--   a: fits
--   b: fits
--   c: fits
--   d: fits
--   e: can be NULL
--   f: can be NULL
--   g: can be NULL
--   h: can be NULL
--   i: fits
