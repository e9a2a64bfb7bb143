"""What people write, read strictly: library, policy, suites, fixtures, rules."""
