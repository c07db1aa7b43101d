"""Signals from a model's answers: calibration by numpy, a change of the error by river, a share's bound by scipy.

python signals.py > signals.json      (river 0.26.1)

Streams are strings of 0 and 1, confidences whole thousandths.
"""

import json
import sys

import numpy as np
import river
import scipy
from river.drift import ADWIN
from scipy.stats import binomtest

rng = np.random.default_rng(7)


def calibration_error(confidence, right):
    edges = np.linspace(0, 1, 16)
    bins = np.clip(np.digitize(confidence, edges, right=True) - 1, 0, 14)
    gaps = [
        np.sum(bins == b) * abs(right[bins == b].mean() - confidence[bins == b].mean())
        for b in range(15)
        if np.any(bins == b)
    ]
    return sum(gaps) / len(right)


def answers(n, over):
    """Answers that are right less often than they say, by `over`."""
    confidence = np.rint(rng.beta(6, 1, n) * 1000) / 1000
    right = (rng.random(n) < np.clip(confidence - over, 0, 1)).astype(int)
    return confidence, right


def calibration(n, over):
    sides = [answers(2 * n, 0), answers(n, over)]
    before, now = (calibration_error(*side) for side in sides)
    return {
        "sides": [
            {"milli": np.rint(c * 1000).astype(int).tolist(), "right": "".join(map(str, r))}
            for c, r in sides
        ],
        "rise": now - before,
    }


def change(held, shares):
    """`held` flows at the first share of errors, then 1,000 at each of the others."""
    p = np.concatenate([np.full(held, shares[0]), np.repeat(shares[1:], 1000)])
    errors = (rng.random(len(p)) < p).astype(int)
    adwin, since = ADWIN(), None
    for i, error in enumerate(errors):
        adwin.update(error)
        if adwin.drift_detected:
            since = i + 1 - 32  # the flows of the check
    rise = 0 if since is None else errors[since:].mean() - errors[:held].mean()
    return {"held": held, "errors": "".join(map(str, errors)), "since": since, "rise": rise}


def bound(hits, n):
    # 3.09 deviations on one side
    level = 1 - 2 * scipy.stats.norm.sf(3.09)
    low = binomtest(hits, n).proportion_ci(level, method="wilson").low
    return {"hits": hits, "n": n, "lower": low}


json.dump(
    {
        "source": "numpy, river, scipy",
        "version": f"{np.__version__}, {river.__version__}, {scipy.__version__}",
        "tolerance": 1e-12,
        "calibration": [calibration(500, over) for over in (0, 0.05, 0.2)],
        "changes": [
            change(2000, [0.05, 0.05, 0.05]),
            change(2000, [0.05, 0.2]),
            change(2000, [0.05, 0.05, 0.2]),
            change(2000, [0.05, 0.3, 0.05]),
            change(2000, [0.05, 0.1, 0.2, 0.3]),
            change(2000, [0.2, 0.05]),
        ],
        "bounds": [bound(*case) for case in ((0, 5), (8, 8), (8, 40), (300, 1000), (12, 100000))],
    },
    sys.stdout,
    separators=(",", ":"),
)
