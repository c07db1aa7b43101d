"""Margins of models trained and saved by Python's xgboost and lightgbm, and the course of weighted trainings.

python boosting-training.py > boosting-training.json
"""

import base64
import json
import sys

import lightgbm as lgb
import numpy as np
import xgboost as xgb

rng = np.random.default_rng(20220606)
K, F, WIDTH, ROUNDS = 4, 5, 90, 12


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


def by_column(contributions: np.ndarray, outputs: int) -> list:
    """[F][outputs] mean |SHAP value|, without the expected margin."""
    each = np.asarray(contributions, dtype=np.float64).reshape(-1, outputs, WIDTH + F + 1)
    return np.abs(each).mean(axis=0)[:, :-1].T.tolist()


def xgboost_course(train, validation, weights, k):
    """Trains with our settings; `weights` per row, or of the second class where k is 2."""
    objective = (
        {"objective": "binary:logistic", "eval_metric": "logloss", "scale_pos_weight": weights}
        if k == 2
        else {"objective": "multi:softprob", "eval_metric": "mlogloss", "num_class": k}
    )
    fixed = {"tree_method": "hist", "eta": 0.05, "max_depth": 8, "max_bin": 256, "seed": 7, "nthread": 2}
    d_train = xgb.DMatrix(train[4], label=train[0], weight=None if k == 2 else weights)
    d_validation = xgb.DMatrix(validation[4], label=validation[0])
    course = {}
    booster = xgb.train(
        objective | fixed,
        d_train,
        num_boost_round=ROUNDS,
        evals=[(d_train, "train"), (d_validation, "validation")],
        evals_result=course,
        verbose_eval=False,
    )
    gain = booster.get_score(importance_type="gain")
    return booster, {
        "trainLogloss": course["train"][objective["eval_metric"]],
        "validationLogloss": course["validation"][objective["eval_metric"]],
        "probabilities": b64(booster.predict(d_validation)),
        "margins": b64(booster.predict(d_validation, output_margin=True)),
        "gain": [gain.get(f"f{f}", 0) for f in range(WIDTH + F)],
        "shap": by_column(booster.predict(d_validation, pred_contribs=True, strict_shape=True), 1 if k == 2 else k),
    }


def lightgbm_course(train, validation, weights, k):
    objective = (
        {"objective": "binary", "metric": "binary_logloss", "scale_pos_weight": weights}
        if k == 2
        else {"objective": "multiclass", "metric": "multi_logloss", "num_class": k}
    )
    fixed = {"learning_rate": 0.05, "num_leaves": 4, "min_data_in_leaf": 10, "feature_fraction": 0.8, "lambda_l2": 4}
    fixed |= {"seed": 7, "num_threads": 2, "deterministic": True, "force_col_wise": True, "verbosity": -1}
    d_train = lgb.Dataset(train[4], label=train[0], weight=None if k == 2 else weights)
    d_validation = lgb.Dataset(validation[4], label=validation[0], reference=d_train)
    course = {}
    booster = lgb.train(
        objective | fixed,
        d_train,
        num_boost_round=ROUNDS,
        valid_sets=[d_train, d_validation],
        valid_names=["train", "validation"],
        callbacks=[lgb.record_evaluation(course)],
    )
    splits = booster.feature_importance("split")
    return booster, {
        "trainLogloss": course["train"][objective["metric"]],
        "validationLogloss": course["validation"][objective["metric"]],
        "probabilities": b64(booster.predict(validation[4])),
        "margins": b64(booster.predict(validation[4], raw_score=True)),
        "gain": (booster.feature_importance("gain") / np.maximum(1, splits)).tolist(),
        "shap": by_column(booster.predict(validation[4], pred_contrib=True), 1 if k == 2 else k),
    }


def second_of_two(labels, *rest):
    return (labels > 0).astype(np.int32), *rest


two_train, two_validation = second_of_two(*train), second_of_two(*validation)
second_weight = float((two_train[0] == 0).sum() / (two_train[0] == 1).sum())
xgb_booster, xgb_multi = xgboost_course(train, validation, weights, K)
lgb_booster, lgb_multi = lightgbm_course(train, validation, weights, K)
json.dump(
    {
        "source": "python xgboost (hist) and lightgbm",
        "version": f"xgboost {xgb.__version__}, lightgbm {lgb.__version__}",
        "tolerance": {"margins": 0, "probabilities": 1e-6, "logloss": 1e-6, "gain": 1e-4, "shap": 1e-5},
        "layout": "base64 is row-major and little-endian: float32, of lightgbm float64",
        "classes": K,
        "features": F,
        "rounds": ROUNDS,
        "seed": 7,
        "train": packed(*train),
        "validation": packed(*validation),
        "xgboost": {
            **xgb_multi,
            "two": xgboost_course(two_train, two_validation, second_weight, 2)[1],
            "models": {
                "ubj": base64.b64encode(bytes(xgb_booster.save_raw("ubj"))).decode(),
                "json": bytes(xgb_booster.save_raw("json")).decode(),
            },
        },
        "lightgbm": {
            **lgb_multi,
            "two": lightgbm_course(two_train, two_validation, second_weight, 2)[1],
            "models": {"text": lgb_booster.model_to_string()},
        },
    },
    sys.stdout,
)
