-- A scalar subquery that is a UNION, with OFFSET.



-- statement
SELECT (SELECT 1 UNION ALL SELECT 2 LIMIT 1 OFFSET 5) AS a

-- expected
--   a: can be NULL
