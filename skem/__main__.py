"""Entry point of ``python -m skem`` and of the command ``skem``."""

import sys

from skem.cli import main

__all__ = ["command"]


def command() -> None:
    """Run the command line, and exit with its status."""
    for stream in (sys.stdout, sys.stderr):  # a name in the data may not suit the terminal
        stream.reconfigure(errors="backslashreplace")
    sys.exit(main())


if __name__ == "__main__":
    command()
