"""SQL as text: identifiers, pieces and placeholders, and the statements of tables."""
