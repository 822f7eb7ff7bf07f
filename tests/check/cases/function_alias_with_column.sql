-- The alias of a function whose column has a name of its own.



-- statement
SELECT t, x FROM string_to_table('a,,b', ',', '') AS t (x)

-- expected
--   t: not known
--   x: not known
