-- A cast is a function of the user's own.

CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE FUNCTION mood_int(mood) RETURNS int IMMUTABLE STRICT LANGUAGE sql
    AS $$SELECT CASE WHEN $1 = 'glad' THEN 1 END$$;
CREATE CAST (mood AS int) WITH FUNCTION mood_int(mood) AS ASSIGNMENT;
CREATE TABLE t (m mood NOT NULL, n int);
INSERT INTO t VALUES ('sad', 1);

-- statement
SELECT m::int AS n, m::text AS m FROM t

-- expected
--   n: not known
--   m: fits
