"""``python -m harness``: the command line."""

from harness.doors.cli.main import main

if __name__ == "__main__":
    main()
