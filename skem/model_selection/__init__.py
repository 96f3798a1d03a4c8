"""Choosing the number of components with scikit-learn's own searches."""

from skem.model_selection.bootstrap import LikelihoodRatioTest, bootstrap_lrt
from skem.model_selection.criteria import (
    held_out_score,
    information_criteria,
    neg_aic,
    neg_bic,
    neg_icl,
)
from skem.model_selection.rules import best_sound, one_standard_error
from skem.model_selection.splitters import WholeSample
from skem.model_selection.table import selection_table

__all__ = [
    "LikelihoodRatioTest",
    "WholeSample",
    "best_sound",
    "bootstrap_lrt",
    "held_out_score",
    "information_criteria",
    "neg_aic",
    "neg_bic",
    "neg_icl",
    "one_standard_error",
    "selection_table",
]
