"""Adjusted p-values: Benjamini and Hochberg by scipy, Holm by statsmodels.

python multiplicity.py > multiplicity.json
"""

import json
import sys

import numpy as np
import scipy
import statsmodels
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests

rng = np.random.default_rng(7)


def case(p):
    p = [float(x) for x in p]
    return {
        "p": p,
        "benjaminiHochberg": false_discovery_control(p).tolist(),
        "holm": multipletests(p, method="holm")[1].tolist(),
    }


json.dump(
    {
        "source": "scipy, statsmodels",
        "version": f"{scipy.__version__}, {statsmodels.__version__}",
        "tolerance": 1e-12,
        "cases": [
            case([0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205]),
            case([0.205, 0.001, 0.074, 0.041, 0.008, 0.042, 0.06, 0.039]),
            case([0.05]),
            case([0.02, 0.02, 0.02, 0.5, 0.02]),
            case([0, 1, 1, 0, 0.5]),
            case([1, 1, 1]),
            case([1e-300, 1e-12, 1e-300, 0.9, 0.04]),
            case(rng.uniform(size=123)),
            case(rng.beta(0.3, 3, 180).round(2)),  # many ties
        ],
    },
    sys.stdout,
    separators=(",", ":"),
)
