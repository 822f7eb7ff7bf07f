-- The words of a tsvector, where they stand, and functions of the server's own.

CREATE TABLE t (id int NOT NULL, at timestamptz NOT NULL, note text, lexemes tsvector NOT NULL);
INSERT INTO t VALUES (1, 'infinity', NULL, 'a:1 b'), (2, now(), 'x', 'c');

CREATE SEQUENCE numbers;

-- statement
SELECT u.lexeme, u.positions::text AS positions, array_to_string(ARRAY[note], ',', note) AS a,
       array_to_string(ARRAY[note], note, '-') AS b, cardinality(array_positions(ARRAY[note], note)) AS c,
       cardinality(array_fill(note, ARRAY[2])) AS d, hashtext('x') = hashint4(id) AS e,
       jsonb_path_exists('{}', '$.a') AS f, jsonb_path_exists('{}', 'strict $.a', '{}', true) AS g,
       numbers.last_value, (ROW(id, note)).f1 AS h, (ROW(id, note)).f2 AS i
FROM t, unnest(t.lexemes) u, numbers

-- expected
--   lexeme: fits
--   positions: not known
--   a: fits
--   b: can be NULL
--   c: fits
--   d: fits
--   e: fits
--   f: fits
--   g: not known
--   last_value: fits
--   h: fits
--   i: can be NULL
