"""Distances between distributions, by scipy: KL, Jensen-Shannon, Wasserstein, PSI.

python drift-distances.py > drift-distances.json
"""

import json
import sys

import numpy as np
import scipy
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from scipy.stats import wasserstein_distance

rng = np.random.default_rng(7)


def kl(current, reference, alpha):
    q = np.asarray(current, float) + alpha
    p = np.asarray(reference, float) + alpha
    return rel_entr(q / q.sum(), p / p.sum()).sum()


def psi(current, reference, floor=1e-4):
    q = np.maximum(np.asarray(current) / np.sum(current), floor)
    p = np.maximum(np.asarray(reference) / np.sum(reference), floor)
    return ((q - p) * np.log(q / p)).sum()


def counts_case(current, reference):
    k = np.arange(len(current))
    values = np.concatenate([np.repeat(k, current), np.repeat(k, reference)])
    w1 = wasserstein_distance(k, k, current, reference)
    return {
        "current": [int(c) for c in current],
        "reference": [int(c) for c in reference],
        "kl": kl(current, reference, 0.5),
        "js": jensenshannon(current, reference),
        "psi": psi(current, reference),
        "scaledWasserstein": w1 / values.std(ddof=1),
    }


def samples_case(a, b):
    a, b = [float(x) for x in a], [float(x) for x in b]
    w1 = wasserstein_distance(a, b)
    sd = np.concatenate([a, b]).std(ddof=1)
    return {"a": a, "b": b, "wasserstein": w1, "scaled": 0.0 if sd == 0 else w1 / sd}


json.dump(
    {
        "source": "scipy",
        "version": scipy.__version__,
        "tolerance": 1e-12,
        "counts": [
            counts_case([50, 30, 20, 0], [40, 30, 20, 10]),
            counts_case([40, 30, 20, 10], [50, 30, 20, 0]),
            counts_case([15, 25, 35, 25], [10, 20, 30, 40]),
            *[counts_case(rng.integers(0, 60, 16), rng.integers(0, 900, 16)) for _ in range(4)],
        ],
        "samples": [
            samples_case(range(10), [2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
            samples_case([0, 0, 0], [0, 0]),
            samples_case([1], [5]),
            samples_case(rng.normal(size=50).round(6), rng.normal(0.5, 2, 31).round(6)),
            samples_case(rng.integers(0, 5, 40), rng.integers(1, 9, 17)),
        ],
    },
    sys.stdout,
)
