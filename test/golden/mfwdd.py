"""The published MFWDD detector on two windows, globally and by class, and its analyser on eight days.

python mfwdd.py CLONE > mfwdd.json      CLONE: a checkout of github.com/FETA-Project/MFWDD; pandas, scipy, matplotlib

Windows are made by a recurrence that the test knows too: state' = (1664525 state + 1013904223) mod 2^32, u = state' /
2^32; a feature [levels, shift, squared] has values floor((squared ? u * u : u) * levels) + shift.
"""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import scipy

sys.path.insert(0, sys.argv[1])
from detector import analyser, detector, test  # noqa: E402 (of the clone)


class Stream:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (1664525 * self.state + 1013904223) % 2**32
        return self.state / 2**32


def window(recipe):
    """Features one after the other, then the classes."""
    stream, n = Stream(recipe["seed"]), recipe["n"]
    columns = {}
    for f, (levels, shift, squared) in enumerate(recipe["features"]):
        draws = [stream.next() for _ in range(n)]
        columns[f"f{f}"] = [int((u * u if squared else u) * levels) + shift for u in draws]
    first, count = recipe["classes"]
    columns["class"] = [f"c{first + int(stream.next() * count)}" for _ in range(n)]
    return pd.DataFrame(columns)


def moved(feature, f):
    """What the current window does to a feature of the reference."""
    levels, shift, squared = feature
    return [
        [levels, shift, squared],
        [levels, shift + max(1, levels // 20), squared],
        [max(1, int(levels * 1.3)), shift, squared],
        [levels, shift, not squared],
    ][f % 4]


FEATURES = [
    *[[levels, 0, squared] for levels in (2, 3, 9, 31, 1460, 5000, 60000) for squared in (False, True)],
    [100, -50, False],
    [100, -50, True],
    [1, 7, False],  # constant, and the same in both
    [1, 7, False],  # constant, and another constant
    [1, 0, False],  # constant, and then not
    [12, 0, False],  # constant in the current window only
]
CURRENT = [moved(feature, f) for f, feature in enumerate(FEATURES)]
CURRENT[16], CURRENT[17], CURRENT[18], CURRENT[19] = [1, 7, False], [1, 8, False], [4, 0, True], [1, 3, False]
REFERENCE = {"seed": 1, "n": 5000, "features": FEATURES, "classes": [0, 6]}
CURRENT = {"seed": 2, "n": 5000, "features": CURRENT, "classes": [1, 6]}
UNMOVED = {**REFERENCE, "seed": 4}
NAMES = [f"f{f}" for f in range(len(FEATURES))]
TESTS = {"wasserstein": test.WassersteinTest, "ks": test.KSTest, "js": test.JSTest}


def importances():
    stream = Stream(3)
    draws = np.array([stream.next() ** 2 for _ in NAMES])
    return pd.Series((draws / draws.sum() * 0.9).round(6), index=NAMES)  # of a model with more features


def plain(statistics):
    return {name: value.item() if hasattr(value, "item") else value for name, value in statistics.items()}


def detected(make, weights, current=CURRENT):
    of_all = detector.Config(NAMES, weights, make())
    by_class = detector.Config(NAMES, weights, make(), class_name="class")
    detect = detector.DriftDetector(of_all, by_class)
    detect.detect(window(REFERENCE), window(current))
    classes = detect.get_class_drift()
    return {
        "statistics": plain(detect.get_drift_statistics()),
        "distances": [float(d) for d in detect.get_drifted_features(all_features=True)],
        "drifted": sorted(detect.get_drifted_features().index),
        "classes": [[name.removeprefix("Class_"), plain(row.to_dict())] for name, row in classes.iterrows()],
    }


def analysed(shifts):
    days = [
        {"seed": 100 + day, "n": 500, "features": [[1000, shift, False], [50, shift // 20, True]], "classes": [0, 1]}
        for day, shift in enumerate(shifts)
    ]
    config = detector.Config(["f0", "f1"], None, test.WassersteinTest(drift_threshold_global=0.3))
    analyse = analyser.LastWeekAnalyser(config, n_samples=500)
    start = datetime(2022, 1, 1)
    types = [analyse.classify_drift(window(day), start + timedelta(days=i)) for i, day in enumerate(days)]
    return {"days": days, "threshold": 0.3, "types": [name.removesuffix("_drift").lower() for name in types]}


weights = importances()
commit = (Path(sys.argv[1]) / ".git" / "HEAD").read_text().strip()
if commit.startswith("ref: "):
    commit = (Path(sys.argv[1]) / ".git" / commit.removeprefix("ref: ")).read_text().strip()
json.dump(
    {
        "source": f"FETA-Project/MFWDD {commit[:10]}",
        "version": f"scipy {scipy.__version__}, pandas {pd.__version__}",
        "tolerance": {"wasserstein": 1e-9, "ks": 1e-6, "js": 1e-9},
        "reference": REFERENCE,
        "current": CURRENT,
        "unmoved": UNMOVED,
        "importances": weights.to_dict(),
        "weighted": {name: detected(make, weights) for name, make in TESTS.items()},
        "uniform": {name: detected(make, None) for name, make in TESTS.items()},
        "stable": {name: detected(make, weights, UNMOVED) for name, make in TESTS.items()},
        "analyses": [
            analysed([0] * 9),
            analysed([0] * 7 + [400, 400]),
            analysed([300, 0, 0, 0, 0, 0, 0, 300]),
            analysed([60 * day for day in range(10)]),
        ],
    },
    sys.stdout,
    separators=(",", ":"),
)
