"""The audit of a verifier: known-good and known-bad answers before it may judge; see :func:`harness.audit.auditor.audit`."""
