"""Where people come in: the command line and pytest."""
