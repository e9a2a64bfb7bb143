"""What the verifiers of a judge process do beside judging: whose code does it, and with what."""
