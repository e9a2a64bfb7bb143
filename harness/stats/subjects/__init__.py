"""What particular kinds of subject are measured by."""
