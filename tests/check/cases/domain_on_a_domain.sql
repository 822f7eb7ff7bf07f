-- A NOT NULL holds in the domains above it too; that has holes, so it is neither promised nor denied.

CREATE DOMAIN present AS int NOT NULL;
CREATE DOMAIN counted AS present CHECK (VALUE > 0);
CREATE TABLE t (a present, b counted, c counted NOT NULL);

-- statement
SELECT a, b, c FROM t

-- expected
--   a: not known
--   b: not known
--   c: fits
