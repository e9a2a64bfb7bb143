"""Scorers that others wrote, audited as they are."""
