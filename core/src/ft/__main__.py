"""``python -m ft``: what launchers of several processes, such as torchrun, start."""

import sys

from ft.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
