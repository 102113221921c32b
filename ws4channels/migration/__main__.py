"""``python -m ws4channels.migration``."""

import sys

from ws4channels.migration.cli import main

if __name__ == "__main__":
    sys.exit(main())
