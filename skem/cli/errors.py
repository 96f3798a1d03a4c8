"""What goes wrong at the command line, told in one line."""

__all__ = ["CommandError", "first_sentence", "one_line"]


class CommandError(Exception):
    """A file or an option is not usable; the message is one line for the person who gave it."""


def one_line(message: object) -> str:
    """Return a message with every run of white space, line ends included, made one space."""
    return " ".join(str(message).split())


def first_sentence(message: object) -> str:
    """Return the first sentence of a message: the estimators say there what happened."""
    return one_line(message).partition(". ")[0].rstrip(".")
