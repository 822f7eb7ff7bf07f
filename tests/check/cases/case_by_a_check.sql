-- What a branch of a CASE is reached by, and what CHECKs say of it.

CREATE TABLE t (id int NOT NULL, status text NOT NULL, placed timestamptz, reason text, n int, m int,
    CHECK (status = 'cart' OR placed IS NOT NULL), CHECK ((status = 'cancelled') = (reason IS NOT NULL)), CHECK (m > 0));
INSERT INTO t VALUES (1, 'cart', NULL, NULL, 0, NULL), (2, 'cancelled', now(), 'r', NULL, 1), (3, 'paid', now(), NULL, 2, 2);

-- statement
SELECT CASE WHEN status = 'cart' THEN 'draft' WHEN status = 'cancelled' THEN reason ELSE placed::text END AS a,
       CASE status WHEN 'cancelled' THEN reason WHEN 'paid' THEN placed::text ELSE '' END AS b,
       CASE status WHEN 'paid' THEN reason ELSE '' END AS c,
       CASE WHEN n > 0 THEN 100 / nullif(n, 0) ELSE 0 END AS d,
       CASE WHEN n > 0 THEN 0 ELSE nullif(n, 2) END AS e,
       CASE WHEN n = 0 THEN 0 WHEN n IS NOT NULL THEN 10 / nullif(n, 0) ELSE 1 END AS f,
       CASE WHEN status <> 'cancelled' THEN placed::text ELSE reason END AS g,
       CASE WHEN n > 0 THEN lag(nullif(n, 0), 1, 7) OVER (ORDER BY id) ELSE 0 END AS h,
       CASE WHEN NOT (status = 'cart') THEN placed::text ELSE '' END AS i
FROM t

-- expected
--   a: fits
--   b: fits
--   c: can be NULL
--   d: fits
--   e: can be NULL
--   f: fits
--   g: can be NULL
--   h: can be NULL
--   i: fits
