"""CategoricalMixture: latent classes of rows of categories."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skem.data.rows import Rows
from skem.estimators.base import MixtureEM
from skem.estimators.column_name import column_name
from skem.estimators.parameters import Estimate
from skem.estimators.priors import dirichlet_prior
from skem.estimators.validation import array_like, mapping, none, one_of
from skem.estimators.warn_once import warn
from skem.families.categorical import Categorical, CategoricalParameters

__all__ = ["CategoricalMixture"]


class CategoricalMixture(MixtureEM):
    """Mixture of categorical distributions (latent class model), fitted by EM.

    For rows of categories: answers to the items of a survey, symptoms, alleles. Each row comes
    from one of K classes, and its columns are independent given the class.

    Parameters
    ----------
    n_components : int, default=1
        Number of components K.
    categories : 'auto' or list of array-like, default='auto'
        The values that the cells of each column may have, in increasing order. 'auto' takes
        those of the training data, in which -1 is refused then: it mostly is a missing cell.
    prior : {'conjugate'}, dict or None, default=None
        Dirichlet prior of the probabilities, with which none is 0, so that no new row is
        impossible: further ``counts`` of each category in every component, a number or one for
        each column. 'conjugate' takes a half. None is maximum likelihood.
    tol : float, default=1e-8
        EM stops when the estimated gain still to come is below this, in nats per row.
    max_iter : int, default=1000
        Largest number of E/M evaluations in a run. With 0 the start itself is published.
    n_init : int, default=1
        Number of starts; the best run that is not spurious is kept. A start given as an array
        is made once.
    init_params : {'short-runs', 'kmeans', 'k-means++', 'random', 'random_from_data'}, \
array-like or callable, default='short-runs'
        The start. A name: the best of short runs of EM on (a sample of) the rows, which move
        components from where k-means puts them; clusters
        of k-means on indicators of the categories; rows shared out among K rows picked by
        k-means++, or at random; random responsibilities. An array: labels (n_samples,) or
        responsibilities (n_samples, K). A callable: ``f(X, n_components=, random_state=)`` that
        returns such an array.
    weights_init : array-like of shape (n_components,), default=None
        Weights to start from.
    probabilities_init : array-like of shape (n_components, n_features, n_levels), default=None
        Probabilities to start from. Components that start alike stay alike.
    fixed, assignment, acceleration, n_jobs, random_state, warm_start, record_trace, verbose, \
verbose_interval : as of all mixtures
        Said once, in MixtureEM.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Mixing weights.
    probabilities_ : ndarray of shape (n_components, n_features, n_levels)
        Probability of each category of each column; 0 beyond those of a column that has fewer
        than others.
    categories_ : list of ndarray
        The categories of each column, in their order.
    converged_, n_iter_ : as of all mixtures
        Said once, in MixtureEM.
    lower_bound_ : float
        Mean log-likelihood of the published parameters: ``score(X)``, in nats per row.
    lower_bounds_ : list of float
        Mean log-likelihood at each evaluation of the best run, before its M-step.
    trace_, restarts_, doubts_, labels_, n_parameters_, classes_ : as of all mixtures
        Said once, in MixtureEM.
    n_features_in_ : int
        Number of columns of X seen by fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where X had names that are all strings.

    See Also
    --------
    BinomialMixture : For columns that count, out of a number of trials.

    Notes
    -----
    Categories are numbers, in any coding; scikit-learn's ``OrdinalEncoder`` makes numbers of
    names. A cell may be missing (NaN): it says nothing. A value that is none of the categories is
    impossible: the log-density of its row is -inf. Lazarsfeld & Henry, *Latent Structure
    Analysis* (1968); Goodman (1974).

    Examples
    --------
    >>> from skem import CategoricalMixture
    >>> X = [[0, 0, 2], [0, 0, 2], [0, 1, 2], [1, 1, 0], [1, 1, 0], [1, 0, 1]] * 10
    >>> classes = CategoricalMixture(n_components=2, random_state=0).fit(X)
    >>> classes.reordered([0, 1]).probabilities_.shape
    (2, 3, 3)
    """

    _Parameters = CategoricalParameters
    _missing = True
    _about_text = (
        "Number the categories first: sklearn.preprocessing.OrdinalEncoder does it in a pipeline, "
        "or pandas by column.astype('category').cat.codes, where -1 is a missing cell (put NaN "
        "in its place)"
    )
    _checks = {
        **MixtureEM._checks,
        "categories": one_of(["auto"]) | array_like,
        "prior": one_of(["conjugate"]) | mapping | none,
        "probabilities_init": none | array_like,
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        categories: Any = "auto",
        prior: str | dict[str, Any] | None = None,
        tol: float = 1e-8,
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: Any = "short-runs",
        weights_init: ArrayLike | None = None,
        probabilities_init: ArrayLike | None = None,
        fixed: dict[str, Any] | None = None,
        assignment: str = "soft",
        acceleration: str | None = "quasi-newton",
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        record_trace: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        super().__init__(
            n_components,
            tol=tol,
            max_iter=max_iter,
            n_init=n_init,
            init_params=init_params,
            weights_init=weights_init,
            fixed=fixed,
            assignment=assignment,
            acceleration=acceleration,
            n_jobs=n_jobs,
            random_state=random_state,
            warm_start=warm_start,
            record_trace=record_trace,
            verbose=verbose,
            verbose_interval=verbose_interval,
        )
        self.categories = categories
        self.prior = prior
        self.probabilities_init = probabilities_init

    @classmethod
    def from_parameters(
        cls, *, weights: ArrayLike, probabilities: ArrayLike, **params: Any
    ) -> Self:
        """Make a mixture of known parameters, as if it had been fitted.

        Parameters
        ----------
        weights : array-like of shape (n_components,)
            Mixing weights, summing to one.
        probabilities : array-like of shape (n_components, n_features, n_levels)
            Probabilities of the categories.
        **params : dict
            Further constructor parameters. Where ``categories`` are not among them those of each
            column are 0, 1 and so on.

        Returns
        -------
        mixture : CategoricalMixture
            Ready to predict, score and sample.

        Raises
        ------
        ValueError
            If the shapes do not agree, or probabilities do not sum to one.

        Examples
        --------
        >>> from skem import CategoricalMixture
        >>> mixture = CategoricalMixture.from_parameters(
        ...     weights=[0.5, 0.5], probabilities=[[[0.9, 0.1]], [[0.2, 0.8]]]
        ... )
        >>> mixture.predict([[0], [1]])
        array([0, 1], dtype=int32)
        """
        shape = np.shape(probabilities)
        if len(shape) != 3 or 0 in shape:
            raise ValueError(
                "probabilities must have the shape (n_components, n_features, n_levels), got "
                f"{shape}"
            )
        K, m, n_levels = shape
        self = cls(n_components=K, **params)
        given = isinstance(self.categories, str)
        levels = [np.arange(n_levels)] * m if given else _checked(self.categories, m)
        self.categories_ = levels
        return self._with_parameters(weights, m, probabilities=probabilities)

    def _family(self, n_components: int, n_features: int) -> Categorical:
        return Categorical(n_components, n_features, tuple(self.categories_))

    def _training_family(self, rows: Rows) -> Categorical:
        m = rows.first(1).shape[1]
        levels = rows.fold(_found, 2**14, _union)
        if isinstance(self.categories, str):
            self._check_codes(levels)
        else:
            found, levels = levels, _checked(self.categories, m)
            for j, each in enumerate(found):
                if (others := np.setdiff1d(each, levels[j])).size:
                    name = column_name(self, j)
                    raise ValueError(
                        f"Column {name!r} of X holds {others[0]:g}, which is not among "
                        f"categories[{j}]. Add it there, or put NaN in its place"
                    )
        family = Categorical(self.n_components, m, tuple(levels))
        if self.prior is None:
            return family
        return replace(family, prior=dirichlet_prior(self.prior, list(map(len, levels))))

    def _check_codes(self, levels: list[NDArray[Any]]) -> None:
        """Raise ValueError for -1 among whole numbers, and warn of fractions."""
        for j, each in enumerate(levels):
            name = column_name(self, j)
            broken = each != np.floor(each)
            if not broken.any() and (each < 0).any():
                raise ValueError(
                    f"Column {name!r} of X holds {each[0]:g}, which with categories='auto' could "
                    "stand for a missing cell. Put NaN in its place; where it is a category, list "
                    f"all of them: {self._name}(categories=...)"
                )
            if broken.any():
                warn(
                    f"Column {name!r} of X holds fractions (the first is {each[broken][0]:g}), "
                    "and each value is a category of its own. Cut measurements into classes "
                    "first; where these are categories, list them (categories=...)",
                    UserWarning,
                    stacklevel=6,
                )

    def _estimates(self, errors: Any) -> dict[str, Estimate]:
        """Return the probabilities level by level, in the order of ``categories_``."""
        p = np.moveaxis(self.probabilities_, 2, 0)
        of_errors = [None] * len(p) if errors is None else np.moveaxis(errors.probabilities, 2, 0)
        levels = zip(p, of_errors, strict=True)
        return {f"level {i}": Estimate(*each) for i, each in enumerate(levels)}

    def _publish(self, family: Categorical, params: Any, dtype: Any) -> None:
        super()._publish(family, params, dtype)
        self.categories_ = list(family.categories)


def _found(X: NDArray[Any], weights: Any) -> list[NDArray[Any]]:
    """Return the values that occur in each column, sorted."""
    return [np.unique(column[~np.isnan(column)]) for column in X.T]


def _union(a: list[NDArray[Any]], b: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Return the values of two blocks together."""
    return [np.union1d(one, other) for one, other in zip(a, b, strict=True)]


def _checked(categories: Any, n_features: int) -> list[NDArray[Any]]:
    """Return the categories of each column, or raise ValueError."""
    if len(categories) != n_features:
        raise ValueError(
            f"categories must have an array for each of the {n_features} columns of X, got "
            f"{len(categories)}"
        )
    levels = [np.asarray(each) for each in categories]
    for j, each in enumerate(levels):
        if each.ndim != 1 or each.dtype.kind not in "iuf" or not (np.diff(each) > 0).all():
            raise ValueError(f"categories[{j}] must be numbers, each once, in increasing order")
    return levels
