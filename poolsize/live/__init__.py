"""Bounded load on a real database: what it can do (`curve`), and what a pool really does on it."""
