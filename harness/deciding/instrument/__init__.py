"""What the instrument can show: base against itself, a guard, a plan."""
