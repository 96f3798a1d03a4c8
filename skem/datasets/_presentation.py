"""A table of the package, presented as scikit-learn presents its data sets."""

from importlib.resources import files

import numpy as np
from sklearn.utils import Bunch

_DATA = files("skem.datasets") / "data"


def read(name):
    """Read a table as a structured array, one field per named column."""
    with (_DATA / f"{name}.csv").open(encoding="utf-8") as file:
        return np.genfromtxt(file, delimiter=",", names=True, dtype=None, encoding="utf-8")


def present(name, features, *, labels=None, extras=None, return_X_y, as_frame):
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
