"""``python -m harness``: the command line."""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # the working folder: no module of ours lies beside somebody's samples
    from harness.doors.cli.main import main

    main()
