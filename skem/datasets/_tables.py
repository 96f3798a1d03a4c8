"""Tables of rows in no order: one loader for each."""

from skem.datasets._presentation import present, read


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
    table = read("two_coins")
    features = {name: table[name] for name in ("heads", "tails")}
    return present(
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
    table = read("old_faithful")
    features = {name: table[name] for name in ("eruptions", "waiting")}
    return present("old_faithful", features, return_X_y=return_X_y, as_frame=as_frame)


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
    table = read("saxony")
    features = {"males": table["males"], "females": 12 - table["males"]}
    return present(
        "saxony",
        features,
        extras={"sample_weight": table["families"]},
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
    table = read("beta_blockers")
    features = {"deaths": table["deaths"], "survivors": table["patients"] - table["deaths"]}
    return present(
        "beta_blockers",
        features,
        labels=table["treatment"],
        extras={"center": table["center"]},
        return_X_y=return_X_y,
        as_frame=as_frame,
    )
