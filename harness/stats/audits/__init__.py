"""What the audit of verifiers and judges is decided by."""
