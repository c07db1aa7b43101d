"""Flags and windows of river's ADWIN on 40 streams under 4 settings.

python adwin.py > adwin.json      (river 0.26.1)

Values are whole numbers, 16 bits little-endian in base64, over `scale`. A width grows by one from value to value but
at the listed places.
"""

import base64
import json
import random
import sys

import numpy as np
import river
from river.drift import ADWIN

N = 3000
SETTINGS = [
    {},
    {"delta": 0.05, "clock": 1},
    {"delta": 0.2, "clock": 8, "max_buckets": 3, "min_window_length": 2, "grace_period": 5},
    {"delta": 1e-4, "clock": 64, "max_buckets": 8, "min_window_length": 12, "grace_period": 100},
]
rng = np.random.default_rng(7)


def errors(shares):
    return (rng.random(N) < np.repeat(shares, N // len(shares))).astype(float), 1


def gaussian(means, sd):
    return np.rint(rng.normal(np.repeat(means, N // len(means)), sd) * 1000), 1000


def ramp(first, last, sd):
    return np.rint((np.linspace(first, last, N) + rng.normal(0, sd, N)) * 1000), 1000


def stream(i):
    kinds = [
        lambda: errors([0.06]),
        lambda: errors([0.06, rng.uniform(0.08, 0.5)]),
        lambda: errors([0.3, 0.5, 0.1]),
        lambda: gaussian([0], 1),
        lambda: gaussian([0, rng.uniform(-2, 2)], 1),
        lambda: gaussian(rng.uniform(-3, 3, 10), rng.uniform(0.1, 2)),
        lambda: ramp(0, rng.uniform(-3, 3), 1),
        lambda: (np.full(N, 7.0) * (np.arange(N) < N // 2), 1),
        lambda: (rng.integers(0, 8, N).astype(float), 1),
        lambda: (np.minimum(rng.zipf(1.5, N), 30_000).astype(float), 1),
    ]
    values, scale = kinds[i % len(kinds)]()
    return values.astype("<i2"), scale


def run(values, settings):
    adwin = ADWIN(**settings)
    drifts, widths, before = [], [], 0
    for i, value in enumerate(values):
        adwin.update(value)
        if adwin.drift_detected:
            drifts.append(i)
        if adwin.width != before + 1:
            widths.append([i, int(adwin.width)])
        before = adwin.width
    end = {"width": int(adwin.width), "total": adwin.total, "mean": adwin.estimation, "variance": adwin.variance}
    return {"drifts": drifts, "widths": widths, "end": end}


def documented():
    generator = random.Random(12345)
    values = generator.choices([0, 1], k=1000) + generator.choices(range(4, 8), k=1000)
    return {"values": "".join(map(str, values)), **run([float(v) for v in values], {})}


def case(i):
    values, scale = stream(i)
    return {
        "values": base64.b64encode(values.tobytes()).decode(),
        "scale": scale,
        "runs": [run((values / scale).tolist(), settings) for settings in SETTINGS],
    }


json.dump(
    {
        "source": "river",
        "version": river.__version__,
        "tolerance": 1e-9,
        "documented": documented(),
        "settings": SETTINGS,
        "streams": [case(i) for i in range(40)],
    },
    sys.stdout,
    separators=(",", ":"),
)
