-- A CHECK that asks for a column where another one has a certain value.

CREATE TYPE step AS ENUM ('new', 'sent', 'lost');
CREATE TABLE t (
    status text, shipped_at timestamptz, kind varchar(10), x int, step step, y int, paid boolean, z int, n int, w int, code numeric, v int,
    CHECK (status <> 'shipped' OR shipped_at IS NOT NULL),
    CHECK (CASE WHEN kind = 'a' THEN x IS NOT NULL ELSE true END),
    CHECK ((step = 'sent') = (y IS NOT NULL)),
    CHECK (NOT paid OR z IS NOT NULL),
    CHECK (n NOT IN (3, 4) OR w IS NOT NULL),
    CHECK (code <= 0.5 OR v IS NOT NULL)
);
INSERT INTO t VALUES
    ('shipped', now(), 'a', 1, 'sent', 1, true, 1, 3, 1, 0.6, 1), ('shipped', now(), 'a', 1, 'sent', 1, true, 1, 4, 1, 7, 1);

-- statement
SELECT shipped_at, x, y, z, w, v, status, code
FROM t WHERE status = 'shipped' AND kind = 'a' AND step IN ('sent') AND paid AND n IN (3, 4) AND code > 0.50

-- expected
--   shipped_at: fits
--   x: fits
--   y: fits
--   z: fits
--   w: fits
--   v: fits
--   status: fits
--   code: fits
