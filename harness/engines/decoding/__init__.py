"""From token ids to token ids: ways to answer rows together, and which of them a base bears."""
