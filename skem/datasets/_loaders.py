"""Loaders: one table and one description per data set, presented as scikit-learn does."""

from importlib.resources import files

import numpy as np
from sklearn.utils import Bunch

_DATA = files("skem.datasets") / "data"


def load_two_coins(*, return_X_y=False, as_frame=False):
    """Load five series of ten flips, each of one of two coins.

    The textbook case of EM [1]_: which coin was flipped is hidden, and the heads of both coins
    are to be estimated. With the coins known, A shows 24 heads in 30 flips and B 9 in 20.

    =================   ========================
    Rows                5 series
    Columns             heads, tails
    Target              coin: 0 for A, 1 for B
    =================   ========================

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, ``data`` is a pandas DataFrame and ``target`` a Series. Requires pandas.

    Returns
    -------
    two_coins : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : {ndarray, DataFrame} of shape (5, 2)
            Heads and tails of each series, the default layout of a binomial mixture.
        target : {ndarray, Series} of shape (5,)
            The coin that was flipped.
        feature_names : list of str
            The names of the columns of ``data``.
        target_names : list of str
            The names of the coins.
        frame : DataFrame of shape (5, 3)
            ``data`` and ``target``; None unless ``as_frame=True``.
        DESCR : str
            The description of the data set.
        filename : str
            The name of the file that holds the data.

    (data, target) : tuple if ``return_X_y`` is True
        The two attributes of that name.

    References
    ----------
    .. [1] Do, C. B. and Batzoglou, S. (2008). What is the expectation maximization algorithm?
       Nature Biotechnology, 26(8), 897-899.

    Examples
    --------
    >>> from skem.datasets import load_two_coins
    >>> flips = load_two_coins()
    >>> heads, tails = flips.data.T
    >>> for coin, name in enumerate(flips.target_names):
    ...     known = flips.target == coin
    ...     print(name, heads[known].sum(), "heads", tails[known].sum(), "tails")
    A 24 heads 6 tails
    B 9 heads 11 tails
    """
    table = _read("two_coins")
    features = {name: table[name] for name in ("heads", "tails")}
    return _present(
        "two_coins", features, labels=table["coin"], return_X_y=return_X_y, as_frame=as_frame
    )


def load_old_faithful(*, return_X_y=False, as_frame=False):
    """Load 272 eruptions of the Old Faithful geyser.

    The duration of each eruption and the waiting time until the next, both in minutes [1]_, as in
    R's ``faithful``. The eruptions come in two kinds, short and long; no label is known.

    =================   ========================
    Rows                272 eruptions
    Columns             eruptions, waiting
    Target              none
    =================   ========================

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, None)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, ``data`` is a pandas DataFrame. Requires pandas.

    Returns
    -------
    old_faithful : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : {ndarray, DataFrame} of shape (272, 2)
            Duration and waiting time of each eruption.
        target : None
            No label is known.
        feature_names : list of str
            The names of the columns of ``data``.
        frame : DataFrame of shape (272, 2)
            The same as ``data``; None unless ``as_frame=True``.
        DESCR : str
            The description of the data set.
        filename : str
            The name of the file that holds the data.

    (data, None) : tuple if ``return_X_y`` is True
        The data, and None in the place of a target.

    References
    ----------
    .. [1] Azzalini, A. and Bowman, A. W. (1990). A look at some data on the Old Faithful geyser.
       Applied Statistics, 39(3), 357-365.

    Examples
    --------
    >>> from skem.datasets import load_old_faithful
    >>> geyser = load_old_faithful()
    >>> geyser.data.shape
    (272, 2)
    >>> geyser.feature_names
    ['eruptions', 'waiting']
    """
    table = _read("old_faithful")
    features = {name: table[name] for name in ("eruptions", "waiting")}
    return _present("old_faithful", features, return_X_y=return_X_y, as_frame=as_frame)


def load_saxony(*, return_X_y=False, as_frame=False):
    """Load the boys and girls of 6,115 Saxon families of twelve children.

    One row for each number of boys from 0 to 12, and how many families had it [1]_ [2]_: the rows
    are to be weighted by ``sample_weight``. There are more families of nearly one sex than one
    coin for all of them can explain.

    =================   ========================
    Rows                13 kinds of family
    Columns             males, females
    Target              none
    Weights             families of each kind
    =================   ========================

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, None)`` instead of a Bunch. The weights come only in the Bunch.
    as_frame : bool, default=False
        If True, ``data`` is a pandas DataFrame and ``sample_weight`` a Series. Requires pandas.

    Returns
    -------
    saxony : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : {ndarray, DataFrame} of shape (13, 2)
            Boys and girls of a family, the default layout of a binomial mixture.
        target : None
            No label is known.
        sample_weight : {ndarray, Series} of shape (13,)
            The number of families with so many boys and girls.
        feature_names : list of str
            The names of the columns of ``data``.
        frame : DataFrame of shape (13, 3)
            ``data`` and ``sample_weight``; None unless ``as_frame=True``.
        DESCR : str
            The description of the data set.
        filename : str
            The name of the file that holds the data.

    (data, None) : tuple if ``return_X_y`` is True
        The data, and None in the place of a target.

    References
    ----------
    .. [1] Geissler, A. (1889). Beiträge zur Frage des Geschlechtsverhältnisses der Geborenen.
       Zeitschrift des Königlichen Sächsischen Statistischen Bureaus, 35, 1-24.
    .. [2] Lindsey, J. K. and Altham, P. M. E. (1998). Analysis of the human sex ratio by using
       overdispersion models. Applied Statistics, 47(1), 149-157.

    Examples
    --------
    >>> from skem.datasets import load_saxony
    >>> saxony = load_saxony()
    >>> X, families = saxony.data, saxony.sample_weight
    >>> int(families.sum())
    6115
    >>> males, females = families @ X
    >>> round(float(males / (males + females)), 4)
    0.5192
    """
    table = _read("saxony")
    features = {"males": table["males"], "females": 12 - table["males"]}
    return _present(
        "saxony",
        features,
        extras={"sample_weight": table["families"]},
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def load_earthquakes(*, return_X_y=False, as_frame=False):
    """Load the numbers of major earthquakes in the years 1900 to 2006.

    Earthquakes of magnitude 7 or greater in the world [1]_, in the order of the years: the
    textbook case of a hidden Markov model for counts.

    =================   ========================
    Rows                107 years
    Columns             count
    Target              none
    Years               1900 to 2006
    =================   ========================

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, None)`` instead of a Bunch. The years come only in the Bunch.
    as_frame : bool, default=False
        If True, ``data`` is a pandas DataFrame and ``year`` a Series. Requires pandas.

    Returns
    -------
    earthquakes : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : {ndarray, DataFrame} of shape (107, 1)
            Earthquakes in a year.
        target : None
            No label is known.
        year : {ndarray, Series} of shape (107,)
            The year of each row.
        feature_names : list of str
            The names of the columns of ``data``.
        frame : DataFrame of shape (107, 2)
            ``data`` and ``year``; None unless ``as_frame=True``.
        DESCR : str
            The description of the data set.
        filename : str
            The name of the file that holds the data.

    (data, None) : tuple if ``return_X_y`` is True
        The data, and None in the place of a target.

    References
    ----------
    .. [1] Zucchini, W. and MacDonald, I. L. (2009). Hidden Markov Models for Time Series: An
       Introduction Using R. Chapman & Hall/CRC.

    Examples
    --------
    >>> from skem.datasets import load_earthquakes
    >>> X = load_earthquakes().data
    >>> print(X.mean().round(2), X.var(ddof=1).round(2))
    19.36 51.57
    """
    table = _read("earthquakes")
    return _present(
        "earthquakes",
        {"count": table["count"]},
        extras={"year": table["year"]},
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def load_beta_blockers(*, return_X_y=False, as_frame=False):
    """Load deaths after heart attack in 22 trials of beta-blockers.

    Each of 22 centres reports the deaths and survivors of a control and of a treated arm [1]_.
    The number of patients differs from arm to arm, and the mortality from centre to centre.

    =================   ================================
    Rows                44 arms: 22 centres x 2
    Columns             deaths, survivors
    Target              treatment: 0 Control, 1 Treated
    =================   ================================

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, ``data`` is a pandas DataFrame, ``target`` and ``center`` are Series. Requires
        pandas.

    Returns
    -------
    beta_blockers : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : {ndarray, DataFrame} of shape (44, 2)
            Deaths and survivors of each arm, the default layout of a binomial mixture.
        target : {ndarray, Series} of shape (44,)
            The treatment of the arm.
        center : {ndarray, Series} of shape (44,)
            The centre that reports the arm, 1 to 22.
        feature_names : list of str
            The names of the columns of ``data``.
        target_names : list of str
            The names of the treatments.
        frame : DataFrame of shape (44, 4)
            ``data``, ``target`` and ``center``; None unless ``as_frame=True``.
        DESCR : str
            The description of the data set.
        filename : str
            The name of the file that holds the data.

    (data, target) : tuple if ``return_X_y`` is True
        The two attributes of that name.

    References
    ----------
    .. [1] Yusuf, S., Peto, R., Lewis, J., Collins, R. and Sleight, P. (1985). Beta blockade
       during and after myocardial infarction: an overview of the randomized trials.
       Progress in Cardiovascular Diseases, 27(5), 335-371.

    Examples
    --------
    >>> from skem.datasets import load_beta_blockers
    >>> trials = load_beta_blockers()
    >>> for arm, name in enumerate(trials.target_names):
    ...     deaths, survivors = trials.data[trials.target == arm].sum(axis=0)
    ...     print(f"{name}: {deaths / (deaths + survivors):.3f}")
    Control: 0.100
    Treated: 0.079
    """
    table = _read("beta_blockers")
    features = {"deaths": table["deaths"], "survivors": table["patients"] - table["deaths"]}
    return _present(
        "beta_blockers",
        features,
        labels=table["treatment"],
        extras={"center": table["center"]},
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def load_nile(*, return_X_y=False, as_frame=False):
    """Load 100 years of the flow of the Nile.

    The yearly flow at Aswan from 1871 to 1970 [1]_, as in R's ``Nile``: a level that changes,
    seen through noise [2]_. Rows are in the order of the years.

    =================   ========================
    Rows                100 years
    Columns             volume
    Target              none
    =================   ========================

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, None)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, ``data`` is a pandas DataFrame and ``year`` a Series. Requires pandas.

    Returns
    -------
    nile : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : {ndarray, DataFrame} of shape (100, 1)
            Flow of each year, in 10^8 cubic metres.
        target : None
            There is none.
        year : {ndarray, Series} of shape (100,)
            The years, 1871 to 1970.
        feature_names : list of str
            The name of the column of ``data``.
        frame : DataFrame of shape (100, 2)
            ``data`` and ``year``; None unless ``as_frame=True``.
        DESCR : str
            The description of the data set.
        filename : str
            The name of the file that holds the data.

    (data, None) : tuple if ``return_X_y`` is True
        The data, and None in the place of a target.

    References
    ----------
    .. [1] Cobb, G. W. (1978). The problem of the Nile: conditional solution to a changepoint
       problem. Biometrika, 65(2), 243-251.
    .. [2] Durbin, J. and Koopman, S. J. (2012). Time Series Analysis by State Space Methods, 2nd
       edition. Oxford University Press.

    Examples
    --------
    >>> from skem.datasets import load_nile
    >>> nile = load_nile()
    >>> before = nile.year < 1899
    >>> print(nile.data[before].mean().round(), nile.data[~before].mean().round())
    1098.0 850.0
    """
    table = _read("nile")
    return _present(
        "nile",
        {"volume": table["volume"]},
        extras={"year": table["year"]},
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def _read(name):
    """Read a table as a structured array, one field per named column."""
    with (_DATA / f"{name}.csv").open(encoding="utf-8") as file:
        return np.genfromtxt(file, delimiter=",", names=True, dtype=None, encoding="utf-8")


def _present(name, features, *, labels=None, extras=None, return_X_y, as_frame):
    """Present columns as ``return_X_y`` and ``as_frame`` ask.

    ``labels`` are the names of the rows' classes, ``extras`` further columns to hand over by name.
    """
    data = np.column_stack(list(features.values()))
    target, named, extras = None, {}, extras or {}
    if labels is not None:
        target_names, target = np.unique(labels, return_inverse=True)
        named = {"target_names": target_names.tolist()}

    frame = None
    if as_frame:
        pandas = _import_pandas(f"load_{name}")
        columns = {**features, **({} if target is None else {"target": target}), **extras}
        frame = pandas.DataFrame(columns)
        data = frame[list(features)]
        target = frame.get("target")
        extras = {key: frame[key] for key in extras}

    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        feature_names=list(features),
        **named,
        **extras,
        frame=frame,
        DESCR=(_DATA / f"{name}.rst").read_text(encoding="utf-8"),
        filename=f"{name}.csv",
    )


def _import_pandas(caller):
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            f"{caller}(as_frame=True) needs pandas, which is not installed: "
            "python -m pip install pandas"
        ) from error
    return pandas
