"""The audit of a verifier, before it may judge: see :func:`harness.audit.auditor.certify`."""
