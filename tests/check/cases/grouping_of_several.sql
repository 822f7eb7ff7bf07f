-- GROUPING of several columns in HAVING.

CREATE TABLE sales (region text NOT NULL, product text NOT NULL, price int NOT NULL);
INSERT INTO sales VALUES ('n', 'a', 1), ('s', 'b', 2);

-- statement
SELECT region, product, sum(price) AS price FROM sales GROUP BY CUBE (region, product) HAVING grouping(region, product) IN (0, 1)

-- expected
--   region: fits
--   product: can be NULL
--   price: fits
