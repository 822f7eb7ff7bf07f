-- A CHECK of a foreign table is believed by nobody.

-- not run: there is nothing behind it
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER far FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE t (a int NOT NULL, b int CHECK (b IS NOT NULL)) SERVER far;

-- statement
SELECT a, b FROM t WHERE false

-- expected
--   a: not known
--   b: can be NULL
