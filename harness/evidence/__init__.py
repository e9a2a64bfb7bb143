"""What a run leaves behind: registration, receipts, documents, attestation."""
