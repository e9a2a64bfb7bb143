"""What a certificate is bound to: everything that was at work when its verifier was audited."""
