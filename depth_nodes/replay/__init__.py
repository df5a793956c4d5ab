"""Bags: writing, reading, and playing them into nodes."""
