"""Entry point of ``python -m skem``."""

import sys

from skem.cli import main

if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):  # a name in the data may not suit the terminal
        stream.reconfigure(errors="backslashreplace")
    sys.exit(main())
