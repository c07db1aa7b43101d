"""The two-sample Kolmogorov-Smirnov test and the distribution it asks, by scipy.

python ks-test.py > ks-test.json

Samples are made by a recurrence that the test knows too: state' = (1664525 state + 1013904223) mod 2^32 gives
value = floor(state' / 2^32 * levels) + shift.
"""

import json
import sys

import numpy as np
import scipy
from scipy.stats import ks_2samp, kstwo


def sample(n, levels, shift, seed):
    values, state = np.empty(n), seed
    for i in range(n):
        state = (1664525 * state + 1013904223) % 2**32
        values[i] = int(state / 2**32 * levels) + shift
    return values


def drawn(a, b, method):
    result = ks_2samp(sample(*a), sample(*b), method=method)
    return {"a": a, "b": b, "method": method, "statistic": result.statistic, "pValue": float(result.pvalue)}


def listed(a, b, method):
    result = ks_2samp(a, b, method=method)
    return {"a": a, "b": b, "method": method, "statistic": result.statistic, "pValue": float(result.pvalue)}


PUBLISHED = ([*range(10)], [2, 3, 3, *range(4, 13)])
MANY = 2**31
DRAWN = [
    ([10, MANY, 0, 1], [10, MANY, 0, 2]),
    ([50, 4, 0, 1], [50, 4, 1, 2]),  # ties, equal sizes
    ([50, 4, 0, 3], [70, 4, 0, 4]),  # ties, a common divisor
    ([500, 1500, 0, 5], [731, 1500, 30, 6]),
    ([2000, MANY, 0, 7], [2000, MANY, MANY // 20, 8]),
    ([5000, MANY, 0, 9], [5000, MANY, 0, 10]),
    ([10000, MANY, 0, 11], [7001, MANY, MANY // 8, 12]),  # tiny p
    ([10000, MANY, 0, 13], [10000, MANY, MANY // 3, 14]),  # tinier
    ([997, 30, 0, 15], [1009, 30, 0, 16]),  # no common divisor
    ([1, MANY, 0, 17], [9, MANY, 0, 18]),
    ([1, MANY, 0, 19], [1, MANY, 0, 20]),
    ([8, 2, 0, 21], [12, 2, 5, 22]),  # apart
    ([10001, MANY, 0, 23], [10001, MANY, 0, 24]),  # from here on asymptotic
    ([20000, MANY, 0, 25], [15, MANY, 0, 26]),
    ([20000, 40, 0, 27], [30000, 40, 0, 28]),
    ([40000, MANY, 0, 29], [12000, MANY, MANY // 60, 30]),
    ([15000, MANY, 0, 31], [60, MANY, MANY // 10, 32]),
]
SIZES = [1, 2, 3, 5, 10, 29, 77, 140, 141, 500, 2_000, 20_000, 100_000, 100_001, 900_000, 2_000_000]
# in units of 1 / n where it is small, of 1 / sqrt(n) else
STEPS = [0.4, 0.7, 0.999, 1.3]
ROOTS = [0.2, 0.3, 0.45, 0.6, 0.8, 0.9, 1.1, 1.4, 1.48, 1.49, 1.9, 2.1, 3, 5, 9, 18]
SHARES = [0.3, 0.45, 0.5, 0.62, 0.93, 0.99, 1]


def survival():
    for n in SIZES:
        distances = [s / n for s in STEPS] + [r / n**0.5 for r in ROOTS] + (SHARES if n <= 500 else [])
        for d in sorted({round(d, 9) for d in distances if 0 < d <= 1}):
            yield [n, d, float(kstwo.sf(d, n))]


json.dump(
    {
        "source": "scipy",
        "version": scipy.__version__,
        "tolerance": 1e-9,
        "listed": [listed(*PUBLISHED, "auto"), listed(*PUBLISHED, "asymp")],
        "drawn": [
            *[drawn(a, b, "auto") for a, b in DRAWN],
            *[drawn(a, b, "asymp") for a, b in DRAWN if 1 < max(a[0], b[0]) <= 10000],
        ],
        "survival": list(survival()),
    },
    sys.stdout,
    separators=(",", ":"),
)
