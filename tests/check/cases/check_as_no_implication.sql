-- The same CHECKs where the condition leaves them open: another value, NULL, a join, a part of the tables.

CREATE TABLE t (id int NOT NULL, status text, shipped_at timestamptz, n int, w int, d double precision, v int,
    CHECK (status <> 'shipped' OR shipped_at IS NOT NULL),
    CHECK (n NOT IN (3, 4) OR w IS NOT NULL), CHECK (d < 1 OR v IS NOT NULL));
CREATE TABLE u (id int NOT NULL, status text, at timestamptz);
CREATE TABLE below () INHERITS (u);
ALTER TABLE u ADD CONSTRAINT only_here CHECK (status <> 'shipped' OR at IS NOT NULL) NO INHERIT;
INSERT INTO t VALUES (1, 'new', NULL, 5, NULL, 0.9, NULL), (2, NULL, NULL, 3, 3, NULL, NULL), (3, 'shipped', now(), 4, 1, 1, 1);
INSERT INTO below VALUES (3, 'shipped', NULL);
INSERT INTO u VALUES (3, 'shipped', now());
CREATE TABLE old (id int NOT NULL, status text, at timestamptz);
INSERT INTO old VALUES (3, 'shipped', NULL);
ALTER TABLE old ADD CHECK (status <> 'shipped' OR at IS NOT NULL) NOT VALID;

-- statement
SELECT r.shipped_at AS a, s.shipped_at AS b, r.w AS c, r.v AS d, u.at AS e, old.at AS f
FROM t r LEFT JOIN t s ON r.status = 'shipped' AND s.id = r.id
LEFT JOIN u ON u.id = r.id AND u.status = 'shipped'
LEFT JOIN old ON old.id = u.id AND old.status = 'shipped'
WHERE r.status IS DISTINCT FROM 'x' AND (r.n IN (3, 4, 5) OR r.d = 0)

-- expected
--   a: can be NULL
--   b: can be NULL
--   c: can be NULL
--   d: can be NULL
--   e: can be NULL
--   f: can be NULL
