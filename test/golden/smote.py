"""imbalanced-learn's SMOTE on small classes, with the random draws it made.

python smote.py > smote.json
"""

import json
import sys

import imblearn
import numpy as np
from imblearn.over_sampling import SMOTE

NEIGHBOURS = 5


def case(name, rare, columns, seed):
    """`rare` rows of class 1 beside 12 of class 0."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1, (12 + rare, columns)).round(3)
    labels = np.repeat([0, 1], [12, rare])
    made, _ = SMOTE(k_neighbors=NEIGHBOURS, random_state=seed).fit_resample(values, labels)
    needed = 12 - rare
    random = np.random.RandomState(seed)  # the draws of SMOTE._make_samples, in its order
    places = random.randint(low=0, high=rare * NEIGHBOURS, size=needed)
    steps = random.uniform(size=needed)
    return {
        "name": name,
        "columns": columns,
        "neighbours": NEIGHBOURS,
        "values": values[labels == 1].ravel().tolist(),
        "places": places.tolist(),
        "steps": steps.tolist(),
        "made": made[len(labels) :].ravel().tolist(),
    }


json.dump(
    {
        "source": "imbalanced-learn",
        "version": imblearn.__version__,
        "tolerance": 1e-12,
        "cases": [case("six rows", 6, 2, 0), case("eight rows of four columns", 8, 4, 1)],
    },
    sys.stdout,
)
