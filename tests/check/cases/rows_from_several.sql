-- ROWS FROM fills up the shorter function.



-- statement
SELECT a, b FROM ROWS FROM (generate_series(1, 2), generate_series(1, 1)) AS t (a, b)

-- expected
--   a: not known
--   b: not known
