"""``harness``: the command line."""
