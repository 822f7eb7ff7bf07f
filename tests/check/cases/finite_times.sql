-- A time that is not infinite has all fields; one that is stored may be infinite.

CREATE TABLE t (id int NOT NULL, at timestamptz NOT NULL, note text, lexemes tsvector NOT NULL);
INSERT INTO t VALUES (1, 'infinity', NULL, 'a:1 b'), (2, now(), 'x', 'c');

-- statement
SELECT extract(dow FROM now() - interval '7 days') AS a, extract(day FROM current_date - 30) AS b,
       extract(dow FROM date '2020-08-11') AS c, extract(dow FROM at) AS d, now()::time AS e, at::time AS f,
       to_char(date_trunc('month', now()), 'YYYY-MM') AS g, to_char(at, 'YYYY-MM') AS h,
       extract(dow FROM date 'infinity') AS i, extract(dow FROM at - interval '7 days') AS j,
       extract(dow FROM (now() AT TIME ZONE 'UTC')::date) AS k, to_char(now(), '') AS l
FROM t

-- expected
--   a: fits
--   b: fits
--   c: fits
--   d: not known
--   e: fits
--   f: not known
--   g: fits
--   h: not known
--   i: not known
--   j: not known
--   k: fits
--   l: not known
