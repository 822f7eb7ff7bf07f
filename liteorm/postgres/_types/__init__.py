"""PostgreSQL's types: how each is read, written and shown as text, and the registry."""
