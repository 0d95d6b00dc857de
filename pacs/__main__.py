"""``python -m pacs`` is the command ``hoichan``."""

import sys

from pacs.command import main

if __name__ == "__main__":
    sys.exit(main())
