-- A CHECK of a foreign table is believed by nobody.

CREATE EXTENSION IF NOT EXISTS postgres_fdw WITH SCHEMA public;
CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw;
CREATE FOREIGN TABLE t (a int NOT NULL, b int CHECK (b IS NOT NULL)) SERVER far;

-- statement
SELECT a, b FROM t WHERE false

-- expected
--   a: not known
--   b: can be NULL
