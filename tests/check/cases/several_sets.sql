-- Two set-returning functions in one select list: the shorter is filled up.



-- statement
SELECT generate_series(1, 2) AS a, generate_series(1, 1) AS b

-- expected
--   a: not known
--   b: not known
