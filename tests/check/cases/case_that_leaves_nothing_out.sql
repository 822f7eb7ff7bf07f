-- A CASE without ELSE gives NULL only where its conditions leave something out.

CREATE TABLE t (id int NOT NULL, status text NOT NULL CHECK (status IN ('new', 'paid', 'sent')), n int NOT NULL, m int,
                f bool NOT NULL, note text CHECK (note IN ('a', 'b')));
INSERT INTO t VALUES (1, 'new', 1, NULL, true, NULL), (2, 'paid', 3, 3, false, 'a'), (3, 'sent', 9, 4, true, 'b');

-- statement
SELECT CASE status WHEN 'new' THEN 1 WHEN 'paid' THEN 2 WHEN 'sent' THEN 3 END AS all, CASE status WHEN 'new' THEN 1 WHEN 'paid' THEN 2 END AS two,
       CASE WHEN n < 3 THEN 1 WHEN n >= 3 THEN 2 END AS n, CASE WHEN n < 3 THEN 1 WHEN n > 3 THEN 2 END AS hole,
       CASE WHEN m < 3 THEN 1 WHEN m >= 3 THEN 2 END AS m, CASE WHEN m IS NULL THEN 0 WHEN m < 3 THEN 1 WHEN m >= 3 THEN 2 END AS asked,
       CASE WHEN n BETWEEN 0 AND 5 THEN 1 WHEN n > 5 THEN 2 WHEN n < 0 THEN 3 END AS between, CASE f WHEN true THEN 1 WHEN false THEN 2 END AS f,
       CASE WHEN f THEN 1 WHEN NOT f THEN 2 END AS either, CASE note WHEN 'a' THEN 1 WHEN 'b' THEN 2 END AS note
FROM t

-- expected
--   all: fits
--   two: can be NULL
--   n: fits
--   hole: can be NULL
--   m: can be NULL
--   asked: fits
--   between: fits
--   f: fits
--   either: fits
--   note: can be NULL
