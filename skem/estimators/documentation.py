"""Documentation that estimators share stands once, in their base class."""

import inspect
import re

__all__ = ["inherit_documentation"]

#: In the place of a type, this says that names are documented by the base class.
INHERITED = "as of all mixtures"

ENTRY = r"^{names} : {kind}\n(?:    .*\n)+"


def inherit_documentation(cls: type, base: type) -> None:
    """Put what a base class says of parameters and attributes into the docstring of a class.

    There the names stand in one entry, whose type is ``as of all mixtures``.
    """
    if not cls.__doc__ or not base.__doc__ or INHERITED not in cls.__doc__:
        return
    known = {
        entry[0].partition(" : ")[0]: entry[0]
        for entry in re.finditer(
            ENTRY.format(names=r"\w+", kind=".*"), inspect.cleandoc(base.__doc__) + "\n", re.M
        )
    }
    cls.__doc__ = re.sub(
        ENTRY.format(names=r"(\w+(?:, \w+)*)", kind=INHERITED),
        lambda found: "".join(known[name] for name in found[1].split(", ")),
        inspect.cleandoc(cls.__doc__),
        flags=re.M,
    )
