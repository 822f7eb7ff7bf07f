"""A small library whose SQL is checked."""
