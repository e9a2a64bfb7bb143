"""The ways to make a sandbox on this machine."""
