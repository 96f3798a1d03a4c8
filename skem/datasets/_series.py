"""Series over time: one loader for each."""

from skem.datasets._presentation import present, read


def load_co2(*, return_X_y=False, as_frame=False):
    """Load 44 years of carbon dioxide in the air.

    The concentration at the Mauna Loa Observatory by month, from March 1958 to December 2001 [1]_:
    means of the weekly values that statsmodels ships. It rises, and has a yearly cycle. Five
    months are missing (NaN).

    =================   ========================
    Rows                526 months
    Columns             co2
    Target              none
    =================   ========================

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, None)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, ``data`` is a pandas DataFrame, ``year`` and ``month`` are Series. Requires
        pandas.

    Returns
    -------
    co2 : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : {ndarray, DataFrame} of shape (526, 1)
            Concentration, in parts per million by volume.
        target : None
            There is none.
        year, month : {ndarray, Series} of shape (526,)
            When it was.
        feature_names : list of str
            The name of the column of ``data``.
        frame : DataFrame of shape (526, 3)
            ``data``, ``year`` and ``month``; None unless ``as_frame=True``.
        DESCR : str
            The description of the data set.
        filename : str
            The name of the file that holds the data.

    (data, None) : tuple if ``return_X_y`` is True
        The data, and None in the place of a target.

    References
    ----------
    .. [1] Keeling, C. D. and Whorf, T. P. (2004). Atmospheric CO2 concentrations derived from
       flask air samples at sites in the SIO network. Carbon Dioxide Information Analysis Center,
       Oak Ridge National Laboratory.

    Examples
    --------
    >>> import numpy as np
    >>> from skem.datasets import load_co2
    >>> co2 = load_co2()
    >>> print(np.nanmean(co2.data[co2.year == 1959]).round(1), np.isnan(co2.data).sum())
    316.0 5
    """
    table = read("co2")
    return present(
        "co2",
        {"co2": table["co2"]},
        extras={"year": table["year"], "month": table["month"]},
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
    table = read("earthquakes")
    return present(
        "earthquakes",
        {"count": table["count"]},
        extras={"year": table["year"]},
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
    table = read("nile")
    return present(
        "nile",
        {"volume": table["volume"]},
        extras={"year": table["year"]},
        return_X_y=return_X_y,
        as_frame=as_frame,
    )
