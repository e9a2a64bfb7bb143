"""A workspace of one's own, and what it lacks."""
