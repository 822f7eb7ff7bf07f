"""Objects on their way to a table: the catalog's columns, COPY data, arrays."""
