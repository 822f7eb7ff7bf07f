-- A domain's NOT NULL does not hold for the missing side of an outer join, nor for a subquery without a row.

CREATE DOMAIN present AS int NOT NULL;
CREATE TABLE t (a present NOT NULL);
CREATE TABLE u (id int NOT NULL);
INSERT INTO u VALUES (1);

-- statement
SELECT t.a, (SELECT a FROM t) AS b FROM u LEFT JOIN t ON t.a = u.id

-- expected
--   a: can be NULL
--   b: can be NULL
