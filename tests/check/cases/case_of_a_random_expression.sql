-- What is computed anew where it is given is not what was asked for.

CREATE TABLE t (id int NOT NULL, data jsonb NOT NULL);
INSERT INTO t SELECT n, '{"k": 1}' FROM generate_series(1, 200) n;
CREATE FUNCTION sometimes(n int) RETURNS int VOLATILE LANGUAGE plpgsql AS
    'BEGIN RETURN CASE WHEN random() < 0.5 THEN n END; END';

-- statement
SELECT CASE WHEN sometimes(id) IS NOT NULL THEN sometimes(id) ELSE 0 END AS a,
       CASE WHEN nullif(random() < 0.5, true) IS NOT NULL THEN nullif(random() < 0.5, true) ELSE false END AS b,
       CASE WHEN max(data ->> 'k') IS NOT NULL THEN min(data ->> 'k') ELSE '' END AS c
FROM t GROUP BY id

-- expected
--   a: not known
--   b: can be NULL
--   c: fits
