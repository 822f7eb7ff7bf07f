-- sqlc 1096: COALESCE with a constant behind a LEFT JOIN was said to be nullable.

CREATE TABLE stats (controller int NOT NULL);
CREATE TABLE devices (controller int NOT NULL, number bigint NOT NULL);
INSERT INTO stats VALUES (1);

-- statement
SELECT s.controller, coalesce(d.number, 0) AS number
FROM stats s LEFT JOIN devices d ON d.controller = s.controller

-- expected
--   controller: fits
--   number: fits
