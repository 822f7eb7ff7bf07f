-- What the FILTER of one column's aggregate lets through says nothing of the columns behind it.

CREATE TABLE t (id int NOT NULL, note text NOT NULL);
INSERT INTO t VALUES (1, 'n'), (2, 'm');
CREATE TABLE u (id int NOT NULL, t_id int NOT NULL);
INSERT INTO u VALUES (2, 2);

-- statement
SELECT array_agg(nullif(note, 'n')) FILTER (WHERE note <> 'n') AS a, nullif(note, 'n') AS b,
       array_agg(nullif(note, 'n')) AS c, array_agg(u.id) FILTER (WHERE u.id IS NOT NULL) AS d, array_agg(u.id) AS e
FROM t LEFT JOIN u ON u.t_id = t.id GROUP BY note

-- expected
--   a: can be NULL
--   b: can be NULL
--   c: NULL inside
--   d: can be NULL
--   e: NULL inside
