"""From what a user names to a folder that an engine can mount."""
