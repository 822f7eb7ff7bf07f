-- Prisma 25168: COALESCE of a sum was said to be nullable.

CREATE TABLE t (price int, company int NOT NULL);

-- statement
SELECT coalesce(sum(price), 0) AS total FROM t WHERE company = 1

-- expected
--   total: fits
