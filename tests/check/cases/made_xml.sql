-- What XML is made of, and when it is NULL.
-- needs XML

CREATE TABLE t (id int NOT NULL, note text, doc xml);
INSERT INTO t VALUES (1, NULL, NULL), (2, 'n', NULL);

-- statement
SELECT xmlelement(name a, note)::text AS a, xmlforest(note)::text AS b, xmlforest(note, id)::text AS c,
       xmlconcat(doc, doc)::text AS d, xmlconcat(doc, xmlelement(name x))::text AS e, xmlpi(name p)::text AS f,
       xmlpi(name p, note)::text AS g, xmlserialize(content doc AS text) AS h,
       xmlroot(xmlelement(name x), version NULL)::text AS i, doc IS DOCUMENT AS j
FROM t

-- expected
--   a: fits
--   b: can be NULL
--   c: fits
--   d: can be NULL
--   e: fits
--   f: fits
--   g: can be NULL
--   h: can be NULL
--   i: fits
--   j: can be NULL
