"""What needs no driver: models, plans, statements, values."""
