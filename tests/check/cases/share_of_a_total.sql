-- A row of a table proves that an aggregate over the whole table has one.

CREATE TABLE t (id int NOT NULL, kind text NOT NULL, n int NOT NULL, m int);
INSERT INTO t VALUES (1, 'x', 1, NULL), (2, 'x', 2, NULL), (3, 'y', 3, NULL);
CREATE TABLE u (id int NOT NULL, n int NOT NULL);
CREATE TABLE child () INHERITS (t);

-- statement
SELECT kind, 100.0 * sum(n) / (SELECT sum(n) FROM t) AS share, (SELECT max(n) FROM t WHERE n > 9) AS some,
       (SELECT max(m) FROM t) AS m, (SELECT max(n) FROM u) AS other, (SELECT max(n) FROM ONLY t s WHERE s.n > 9) AS only,
       (SELECT min(s.n) FROM t s, u) AS joined, (SELECT max(n) FROM t HAVING count(*) > 9) AS many
FROM t GROUP BY kind

-- expected
--   kind: fits
--   share: fits
--   some: can be NULL
--   m: can be NULL
--   other: can be NULL
--   only: can be NULL
--   joined: can be NULL
--   many: not known
