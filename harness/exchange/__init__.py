"""Answers and numbers from and for other tools: what they recorded, and what they open."""
