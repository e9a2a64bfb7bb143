"""Answers that the harness does not make itself: recorded ones, and those of a server."""
