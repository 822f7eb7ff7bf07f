-- A trigger changes the row before it is stored.

CREATE TABLE t (id int NOT NULL, n int);
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN new.n = NULL; RETURN new; END';
CREATE TRIGGER meddling BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION meddle();

-- statement
INSERT INTO t VALUES (1, 2) RETURNING id, n

-- expected
--   id: fits
--   n: not known
