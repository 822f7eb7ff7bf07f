-- Functions that give a value for all values.

CREATE TABLE t (id int NOT NULL, deleted_at timestamptz, qty int, note text, a int, b int);
INSERT INTO t VALUES (1, NULL, 2, '', NULL, 1), (2, now(), NULL, NULL, 3, NULL), (3, 'infinity', 5, 'x', 3, 3);

-- statement
SELECT int4range(qty, NULL)::text AS a, format('%s', qty) AS b, concat_ws(',', note, qty) AS c,
       array_length(string_to_array('a,b', ','), 1) AS d, pg_typeof(qty)::text AS e,
       jsonb_insert('{}', '{a}', '1')::text AS f, sind(30) AS g, array_append(NULL::int[], qty)::text AS h
FROM t

-- expected
--   a: fits
--   b: fits
--   c: fits
--   d: not known
--   e: fits
--   f: fits
--   g: fits
--   h: fits
