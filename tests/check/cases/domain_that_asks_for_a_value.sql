-- A domain whose CHECK refuses NULL, as its NOT NULL does: in a cast always, in a column but for a hole.

CREATE DOMAIN present AS text CHECK (VALUE IS NOT NULL AND VALUE <> '');
CREATE DOMAIN given AS present;
CREATE DOMAIN there AS int NOT NULL;
CREATE DOMAIN any_text AS text CHECK (VALUE <> '');
CREATE DOMAIN lately AS text;
CREATE TABLE t (id int NOT NULL, a present, b given, c any_text, d lately, e int);
INSERT INTO t VALUES (1, 'x', 'x', NULL, NULL, 1);
ALTER DOMAIN lately ADD CHECK (VALUE IS NOT NULL) NOT VALID;
CREATE TABLE u (id int NOT NULL);
INSERT INTO u VALUES (1), (2);

-- statement
SELECT t.a AS p, t.b AS q, t.c AS r, t.d AS s, s.a AS t, s.a::text AS u, t.e::there AS v,
       nullif(t.a, 'y')::given::text AS w, nullif(t.a, 'x')::any_text::text AS x
FROM t CROSS JOIN u LEFT JOIN t s ON s.id = u.id

-- expected
--   p: not known
--   q: not known
--   r: can be NULL
--   s: can be NULL
--   t: can be NULL
--   u: can be NULL
--   v: fits
--   w: fits
--   x: can be NULL
