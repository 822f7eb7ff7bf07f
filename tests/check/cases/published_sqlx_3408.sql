-- sqlx 3408: a LEFT JOIN with a condition in WHERE.

CREATE TABLE department (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE employee (name text PRIMARY KEY, department_id int REFERENCES department);
INSERT INTO employee VALUES ('ahmed', NULL);

-- statement
SELECT e.name, d.name AS department FROM employee e
LEFT JOIN department d ON d.id = e.department_id WHERE e.name = 'ahmed'

-- expected
--   name: fits
--   department: can be NULL
