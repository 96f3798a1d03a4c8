"""What the estimators say, in the words of the command line."""

import re

__all__ = ["OPTIONS", "in_options"]

#: Options by the constructor parameters, or arguments of ``fit``, that they set.
OPTIONS = {
    "n_components": "--components",
    "covariance_type": "--covariance",
    "reg_covar": "--reg-covar",
    "prior": "--prior",
    "n_init": "--starts",
    "max_iter": "--max-iter",
    "tol": "--tol",
    "random_state": "--seed",
    "n_trials": "--trials",
    "sample_weight": "--weights",
}

#: Names of columns, and other words in quotation marks, are left as they are. Of words that are
#: English as well (a prior), only those count that are given a value.
WORDS = re.compile(
    r"""(?<!\w) (?: '[^']*' | "[^"]*" )
      | The\ '(?P<checked> \w+ )'\ parameter\ of\ \w+
      | \b (?P<name> \w+ ) \ ? = \ ? (?P<value> '\w+' | [-+\w]+ (?: \.\w+ )? )
      | \b (?P<bare> (?! prior\b ) \w+ ) \b
    """,
    re.VERBOSE,
)


def in_options(message: object) -> str:
    """Return what an estimator says with options in place of its parameters.

    Parameters
    ----------
    message : str or Exception
        Such as "Set covariance_type='diag' or increase max_iter".

    Returns
    -------
    text : str
        Such as "Set --covariance diag or increase --max-iter".
    """
    return WORDS.sub(_as_option, str(message))


def _as_option(match: re.Match[str]) -> str:
    name = match["checked"] or match["name"] or match["bare"]
    if name not in OPTIONS:
        return match[0]
    value = (match["value"] or "").strip("'").replace("None", "none")
    return f"{OPTIONS[name]} {value}".rstrip()
