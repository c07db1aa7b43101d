"""Margins of a model trained and saved by Python's xgboost, and the course of a weighted training.

python xgboost-training.py > xgboost-training.json
"""

import base64
import json
import sys

import numpy as np
import xgboost as xgb

rng = np.random.default_rng(20220606)
K, F, WIDTH = 4, 5, 90


def flows(n: int):
    """Short flows whose sizes and features depend on the class; NaN in one of ten features."""
    labels = rng.choice(K, size=n, p=[0.6, 0.25, 0.13, 0.02]).astype(np.int32)
    lengths = rng.integers(1, 6, size=n).astype(np.uint8)
    ppi = np.zeros((n, 30, 3), dtype=np.float32)
    for i in range(n):
        t = lengths[i]
        ppi[i, :t, 0] = np.clip(rng.normal(200 + 250 * labels[i], 220, t).round(), 1, 1500)
        ppi[i, :t, 1] = rng.choice([-1, 1], t)
        ppi[i, 1:t, 2] = rng.integers(0, 400, t - 1)
    tabular = rng.normal(labels[:, None] * 0.4, 1, (n, F)).astype(np.float32)
    tabular[rng.random((n, F)) < 0.1] = np.nan
    return labels, lengths, ppi, tabular, np.hstack([ppi.reshape(n, WIDTH), tabular])


def b64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def packed(labels, lengths, ppi, tabular, _matrix):
    return {"n": len(labels), "labels": labels.tolist(), "lengths": lengths.tolist(), "ppi": b64(ppi), "tabular": b64(tabular)}


train, validation = flows(260), flows(160)
counts = np.bincount(train[0], minlength=K)
weights = np.minimum(20, len(train[0]) / (K * counts))[train[0]]
weights = (weights / weights.mean()).astype(np.float32)
parameters = {
    "objective": "multi:softprob",
    "eval_metric": "mlogloss",
    "num_class": K,
    "tree_method": "hist",
    "eta": 0.05,
    "max_depth": 8,
    "max_bin": 256,
    "seed": 7,
    "nthread": 2,
}
d_train = xgb.DMatrix(train[4], label=train[0], weight=weights)
d_validation = xgb.DMatrix(validation[4], label=validation[0])
course = {}
booster = xgb.train(
    parameters,
    d_train,
    num_boost_round=12,
    evals=[(d_train, "train"), (d_validation, "validation")],
    evals_result=course,
    verbose_eval=False,
)
gain = {int(name[1:]): value for name, value in booster.get_score(importance_type="gain").items()}
json.dump(
    {
        "source": "python xgboost, multi:softprob, hist",
        "version": xgb.__version__,
        "tolerance": {"margins": 0, "probabilities": 1e-6, "logloss": 1e-6, "gain": 1e-4},
        "layout": "ppi, tabular, margins: base64 of little-endian float32, row-major",
        "classes": K,
        "features": F,
        "rounds": 12,
        "seed": 7,
        "train": packed(*train),
        "validation": packed(*validation),
        "trainLogloss": course["train"]["mlogloss"],
        "validationLogloss": course["validation"]["mlogloss"],
        "probabilities": b64(booster.predict(d_validation)),
        "margins": b64(booster.predict(d_validation, output_margin=True)),
        "gain": gain,
        "model": {
            "ubj": base64.b64encode(bytes(booster.save_raw("ubj"))).decode(),
            "json": bytes(booster.save_raw("json")).decode(),
        },
    },
    sys.stdout,
)
