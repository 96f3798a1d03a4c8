"""What ``python -m skem`` does. It goes through the public estimators alone."""

import os
import sys

from skem.cli.analysis import analyse_file
from skem.cli.arguments import PROG, parse
from skem.cli.demo import demonstrate
from skem.cli.errors import CommandError, one_line

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments; None for those of the process.

    Returns
    -------
    status : int
        0; 2 where a file or an option is not usable; 130 if interrupted.
    """
    try:
        arguments = parse(argv)
        if arguments.data is None:
            demonstrate()
        else:
            analyse_file(arguments)
        sys.stdout.flush()  # so that a broken pipe breaks here
    except CommandError as error:
        print(f"{PROG}: error: {one_line(error)}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader, "head" say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130  # as a shell reports it
    return 0
