"""The command line: what may be asked for."""

import argparse

import skem
from skem.cli.errors import CommandError
from skem.families.covariance import STRUCTURES

__all__ = ["PROG", "parse"]

PROG = "python -m skem"

DESCRIPTION = """\
Fit mixture models by EM, and choose the number of components.

Without arguments both mixtures are fitted to data that come with the package.
With DATA.csv every number of components (and covariance type) is fitted to its
rows, and the one with the best held-out log-likelihood, by five-fold
cross-validation, is described."""

EPILOG = """\
DATA.csv is a table of numbers in UTF-8, separated by commas, semicolons (the
decimal point may then be a comma), tabs or spaces. A first line without any
number is a header; without one, columns are called x1, x2, ... A column whose
header is empty, as R and pandas write row numbers, is left out. Empty cells and
NA are missing values: what is observed of their rows counts.

examples:
  python -m skem geyser.csv --family gaussian --covariance full,tied
  python -m skem flips.csv --family binomial --output labels.csv
  python -m skem saxony.csv --family binomial --trials 12 --weights families"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        raise CommandError(f"{message}; see {PROG} --help")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Return the arguments; raise CommandError where they cannot be understood."""
    arguments = _parser().parse_args(argv)
    given = {name for name, value in vars(arguments).items() if value not in (None, 0)}
    if arguments.data is None and given:
        raise CommandError(f"--{min(given)} needs a file, DATA.csv; see {PROG} --help")
    if arguments.data is not None and arguments.family is None:
        raise CommandError("say which mixture: --family gaussian or --family binomial")
    if arguments.family == "gaussian" and arguments.trials is not None:
        raise CommandError("--trials belongs to --family binomial")
    if arguments.family == "binomial" and arguments.covariance is not None:
        raise CommandError("--covariance belongs to --family gaussian")
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=PROG,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("data", metavar="DATA.csv", nargs="?", help="the rows to fit")
    add("--family", choices=("gaussian", "binomial"), help="measurements, or success counts")
    add(
        "--trials",
        type=_trials,
        metavar="N[,N...]",
        help="trials behind each count, one number "
        "for all columns or one each; without it the columns are all successes, then all failures",
    )
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
    add(
        "--columns",
        type=_names,
        metavar="NAME[,NAME...]",
        help="columns to fit, by name or by number from 1 (default: all)",
    )
    add(
        "--weights",
        metavar="NAME",
        help="column that says how often each row counts; the choice "
        "is then by BIC, because no copy of a row can be held out alone",
    )
    add("--choose", choices=("held-out", "bic"), help="what chooses (default: held-out)")
    add(
        "--starts",
        type=_positive,
        metavar="N",
        help="starts of each fit (default: the estimator's)",
    )
    add("--seed", type=_seed, default=0, metavar="N", help="seed of all randomness (default: 0)")
    add(
        "--output",
        metavar="FILE.csv",
        help="where to write each row's label and posterior probabilities",
    )
    add("--version", action="version", version=f"skem {skem.__version__}")
    return parser


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if "" in names:
        raise argparse.ArgumentTypeError(f"an empty name in {text!r}")
    return names


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


def _trials(text: str) -> int | list[int]:
    trials = [_positive(part) for part in text.split(",")]
    return trials[0] if len(trials) == 1 else trials


def _components(text: str) -> list[int]:
    if ":" not in text:
        return sorted({_positive(part) for part in text.split(",")})
    first, _, last = text.partition(":")
    low, high = _positive(first), _positive(last)
    if high < low:
        raise argparse.ArgumentTypeError(f"{text!r} is an empty range")
    return list(range(low, high + 1))


def _covariances(text: str) -> list[str]:
    types = list(dict.fromkeys(_names(text)))
    for name in types:
        if name not in STRUCTURES:
            raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(STRUCTURES)}")
    return types
