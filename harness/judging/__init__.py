"""The verifier contract, what a model wrote, and the child that judges."""
