-- OLD and NEW of an UPDATE know what WHERE asks for.
-- since PostgreSQL 18

CREATE TABLE t (id int NOT NULL, deleted_at timestamptz, qty int, note text, a int, b int);
INSERT INTO t VALUES (1, NULL, 2, '', NULL, 1), (2, now(), NULL, NULL, 3, NULL), (3, 'infinity', 5, 'x', 3, 3);

-- statement
UPDATE t SET qty = qty - 1 WHERE qty >= 1 RETURNING old.qty AS o, new.qty AS n, old.a

-- expected
--   o: fits
--   n: fits
--   a: can be NULL
