"""Documentation that classes, or methods, share stands once."""

import inspect
import re

__all__ = ["inherit_documentation", "share_documentation"]

#: In the place of a type, this says that names are documented by the base class.
INHERITED = r"as of all [\w ]+"

ENTRY = r"^{names} : {kind}\n(?:    .*\n)+"


def inherit_documentation(cls: type, base: type) -> None:
    """Put what a base class says of parameters and attributes into the docstring of a class.

    There the names stand in one entry, whose type is ``as of all mixtures``, or ``as of all hidden
    Markov models``.
    """
    if cls.__doc__ and base.__doc__ and "as of all" in cls.__doc__:
        cls.__doc__ = _with_entries(cls.__doc__, base.__doc__, INHERITED)


def share_documentation(cls: type, method: str) -> None:
    """Put what one method says of parameters into the docstrings of the others of a class.

    There the names stand in one entry, whose type is ``as in`` and the name of the method.
    """
    marker, source = f"as in {method}", getattr(cls, method).__doc__
    for other in vars(cls).values():
        if inspect.isfunction(other) and other.__doc__ and source and marker in other.__doc__:
            other.__doc__ = _with_entries(other.__doc__, source, marker)


def _with_entries(text: str, source: str, marker: str) -> str:
    """Return a docstring with entries of another where the marker stands for their types."""
    known = {
        entry[0].partition(" : ")[0]: entry[0]
        for entry in re.finditer(
            ENTRY.format(names=r"\w+(?:, \w+)*", kind=".*"), inspect.cleandoc(source) + "\n", re.M
        )
    }
    by_name = {name: entry for names, entry in known.items() for name in names.split(", ")}
    return re.sub(
        ENTRY.format(names=r"(\w+(?:, \w+)*)", kind=marker),
        lambda found: "".join(dict.fromkeys(by_name[name] for name in found[1].split(", "))),
        inspect.cleandoc(text),
        flags=re.M,
    )
