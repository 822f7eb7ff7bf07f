-- Set-returning functions in FROM and in the select list.



-- statement
SELECT g, u, unnest(ARRAY[1, 2]) AS v FROM generate_series(1, 2) g, unnest(ARRAY['a', 'b']) u

-- expected
--   g: fits
--   u: fits
--   v: fits
