"""The command line: what may be asked for."""

import argparse
from typing import Any

import skem
from skem.cli.errors import CommandError
from skem.families.covariance import STRUCTURES

__all__ = ["PROG", "parse"]

PROG = "python -m skem"

DESCRIPTION = """\
Fit mixture models by EM, and choose the number of components.

Without arguments two mixtures are fitted to data that come with the package.
With FILE every number of components (and covariance type) is fitted to its rows
and held out by five-fold cross-validation; the simplest candidate within one
standard error of the best is described."""

EPILOG = """\
FILE is text with one row a line, a workbook (.xlsx) or parquet; - is standard
input. It is read by pandas. What separates cells is seen from the first lines.
A first line without any number holds names; if there is a number in it, say
what it is (--header). A column without a name, as R and pandas write row
numbers, is not fitted. Cells may be missing: what is observed of their rows
counts.

examples:
  python -m skem geyser.csv --family gaussian --covariance full,tied
  python -m skem flips.csv --family binomial --output labels.csv
  python -m skem reads.csv --family binomial --columns alt --trials depth
  python -m skem saxony.csv --family binomial --trials 12 --weights families
  python -m skem visits.csv --family poisson --plot visits.png"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        raise CommandError(f"{message}; see {PROG} --help")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Return the arguments; raise CommandError where they cannot be understood."""
    arguments = _parser().parse_args(argv)
    given = {name for name, value in vars(arguments).items() if value not in (None, 0)}
    if arguments.data is None and given:
        raise CommandError(f"{_option(min(given))} needs a file; see {PROG} --help")
    if arguments.data is not None and arguments.family is None:
        raise CommandError(f"say which mixture: --family {', '.join(FAMILIES)}")
    for name in sorted(given & set(FAMILIES_OF)):
        if arguments.family not in FAMILIES_OF[name]:
            families = " or ".join(FAMILIES_OF[name])
            raise CommandError(f"{_option(name)} belongs to --family {families}")
    if arguments.id is not None and arguments.output is None:
        raise CommandError("--id names what --output keeps of the file: give that, too")
    return arguments


#: What ``--family`` can be.
FAMILIES = ("gaussian", "binomial", "poisson")

#: The families of options that mean nothing for the others.
FAMILIES_OF = {
    "covariance": ("gaussian",),
    "reg_covar": ("gaussian",),
    "trials": ("binomial",),
}


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=PROG,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", metavar="FILE", nargs="?", help="the rows to fit")
    parser.add_argument("--version", action="version", version=f"skem {skem.__version__}")
    _add_model(parser.add_argument_group("what to fit").add_argument)
    _add_columns(parser.add_argument_group("which columns").add_argument)
    _add_results(parser.add_argument_group("results").add_argument)
    _add_reading(parser.add_argument_group("how the file is written").add_argument)
    return parser


def _add_model(add: Any) -> None:
    add("--family", choices=FAMILIES, help="measurements, success counts, or counts without limit")
    add(
        "--components",
        type=_components,
        metavar="K[,K...]|A:B",
        help="numbers of components to try (default: 1:8)",
    )
    add(
        "--covariance",
        type=_covariances,
        metavar="TYPE[,TYPE...]",
        help=f"covariance types to try: {', '.join(STRUCTURES)} (default: all)",
    )
    add("--reg-covar", type=_number_or_word, metavar="X", help="ridge of the covariances")
    add(
        "--prior",
        choices=("conjugate", "none"),
        help="prior against collapse and impossible rows (default: none, but for counts whose "
        "rows are held out)",
    )
    add(
        "--choose",
        choices=("one-standard-error", "held-out", "bic", "icl"),
        help="what chooses (default: one-standard-error); no rows are held out for bic and icl",
    )
    add(
        "--starts",
        type=_positive,
        metavar="N",
        help="starts of each fit (default: the estimator's)",
    )
    add(
        "--max-iter",
        type=_positive,
        metavar="N",
        help="most evaluations of each fit (default: the estimator's)",
    )
    add(
        "--tol",
        type=_number,
        metavar="X",
        help="gain, in nats per row, at which a fit has converged (default: the estimator's)",
    )
    add("--seed", type=_seed, default=0, metavar="N", help="seed of all randomness (default: 0)")


def _add_columns(add: Any) -> None:
    add(
        "--columns",
        metavar="NAME[,NAME...]|A:B",
        help="columns to fit, by name or by number from 1, or all from one to another (default: "
        "all); a name with a comma in it stands in quotation marks",
    )
    add("--drop", metavar="NAME[,NAME...]|A:B", help="columns to leave out, in the same way")
    add(
        "--trials",
        metavar="N[,N...]|NAME[,NAME...]",
        help="trials behind each count: one number for all columns or one each, or columns that "
        "hold them; without it the columns are all successes, then all failures",
    )
    add(
        "--weights",
        metavar="NAME",
        help="column that says how often each row counts; the choice is then "
        "by BIC unless --choose says otherwise: a row is held out with all its copies",
    )


def _add_results(add: Any) -> None:
    add("--standard-errors", action="store_true", help="show those of the chosen mixture")
    add(
        "--output",
        metavar="FILE.csv",
        help="where to write each row of the file with its label, the uncertainty of that (1 less "
        "its probability) and all posterior probabilities; empty where a row has no value",
    )
    add("--id", metavar="NAME", help="the only column of the file that --output keeps")
    add(
        "--plot",
        metavar="FILE.png",
        help="where to draw what was chosen, six columns of it at most",
    )


def _add_reading(add: Any) -> None:
    add("--sep", metavar="TEXT", help="what separates cells")
    add("--decimal", metavar="MARK", help="decimal mark")
    add("--thousands", metavar="MARK", help="what separates thousands")
    add(
        "--na-values",
        type=lambda text: text.split(","),
        metavar="TEXT[,TEXT...]",
        help="cells that are missing, beside the empty ones, NA and their like",
    )
    add("--header", choices=("yes", "no"), help="whether the first line holds names")
    add("--encoding", metavar="NAME", help="encoding of text (default: utf-8)")
    add("--comment", metavar="MARK", help="what follows it in a line is left out")
    add("--compression", metavar="NAME", help="gzip, zip, ... (default: by the suffix)")
    add("--sheet", metavar="NAME", help="sheet of a workbook (default: the first)")


def _number_or_word(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return value


def _positive(text: str) -> int:
    return _whole(text, 1)


def _seed(text: str) -> int:
    seed = _whole(text, 0)
    if seed >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not below 2**32")
    return seed


def _whole(text: str, minimum: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = minimum - 1
    if value < minimum:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {minimum}")
    return value


def _components(text: str) -> list[int]:
    if ":" not in text:
        return sorted({_positive(part) for part in text.split(",")})
    first, _, last = text.partition(":")
    low, high = _positive(first), _positive(last)
    if high < low:
        raise argparse.ArgumentTypeError(f"{text!r} is an empty range")
    return list(range(low, high + 1))


def _covariances(text: str) -> list[str]:
    types = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in types:
        if name not in STRUCTURES:
            raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(STRUCTURES)}")
    return types
