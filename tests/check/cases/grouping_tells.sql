-- GROUPING tells which rows leave a column out.

CREATE TABLE sales (region text NOT NULL, product text NOT NULL, note text, price int NOT NULL);
INSERT INTO sales VALUES ('n', 'a', NULL, 1), ('s', 'b', 'x', 2);

-- statement
SELECT CASE WHEN grouping(region) = 1 THEN 'all' ELSE region END AS region,
       CASE grouping(product) WHEN 0 THEN product ELSE 'all' END AS product,
       CASE WHEN grouping(region, product) > 0 THEN '' ELSE region || product END AS both,
       CASE WHEN grouping(region, product) > 1 THEN '' ELSE region END AS listed,
       CASE WHEN grouping(region) = 1 THEN 'all' ELSE product END AS other,
       CASE WHEN grouping(region) = 0 THEN 'all' ELSE region END AS upside_down,
       CASE WHEN grouping(note) = 0 THEN note ELSE 'all' END AS note
  FROM sales GROUP BY CUBE (region, product, note)

-- expected
--   region: fits
--   product: fits
--   both: fits
--   listed: fits
--   other: can be NULL
--   upside_down: can be NULL
--   note: can be NULL
