"""A small machine learning model, in a module of its own as anybody would write it.

`search.py` imports it, so picloud sends it along; nobody has to say so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC


@dataclass(frozen=True)
class Point:
    """One setting of a support vector machine."""

    c: float
    gamma: float


@dataclass(frozen=True)
class Score:
    """How well a setting reads handwritten digits it has not seen."""

    accuracy: float
    spread: float


def evaluate(point: Point) -> Score:
    """Five-fold cross-validation over the 1,797 scanned digits that scikit-learn carries."""
    images, labels = load_digits(return_X_y=True)
    images /= 16.0
    folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=7)
    found = []
    for known, unseen in folds.split(images, labels):
        model = SVC(C=point.c, gamma=point.gamma).fit(images[known], labels[known])
        found.append(model.score(images[unseen], labels[unseen]))
    print(f"C={point.c:g} gamma={point.gamma:g}: {np.round(found, 3)}")
    return Score(float(np.mean(found)), float(np.std(found)))
