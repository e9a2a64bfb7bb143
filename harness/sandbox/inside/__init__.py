"""What runs inside of a sandbox: the standard library and itself, nothing else."""
