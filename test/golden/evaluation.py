"""Scores, ranking, calibration, conformal ranks and bootstrap intervals by numpy, scipy and scikit-learn.

python evaluation.py > evaluation.json
"""

import json
import sys
import warnings

import numpy as np
import scipy
import sklearn
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp, softmax
from scipy.stats import entropy
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score, roc_curve

warnings.filterwarnings("ignore")
rng = np.random.default_rng(11)


def scores_case():
    logits = np.vstack([rng.normal(0, 3, (6, 5)), [[1000, -1000, 0, 999, 1], [-1000] * 5, [1000] * 5]])
    ordered = np.sort(softmax(logits, axis=1), axis=1)
    return {
        "classes": 5,
        "logits": logits.ravel().tolist(),
        "logSumExp": logsumexp(logits, axis=1).tolist(),
        "softmax": softmax(logits, axis=1).ravel().tolist(),
        "maxProbability": ordered[:, -1].tolist(),
        "margin": (ordered[:, -1] - ordered[:, -2]).tolist(),
        "certainty": (1 - entropy(softmax(logits, axis=1), axis=1) / np.log(5)).tolist(),
    }


def ece(probabilities, labels, bins=15):
    confidence = probabilities.max(1)
    hit = probabilities.argmax(1) == labels
    edges = np.linspace(0, 1, bins + 1)
    inside = [(confidence > low) & (confidence <= high) for low, high in zip(edges[:-1], edges[1:])]
    return sum(abs(hit[bin].mean() - confidence[bin].mean()) * bin.mean() for bin in inside if bin.any())


def temperature_case(sharpness):
    n, classes = 300, 4
    logits = rng.normal(0, 1, (n, classes))
    labels = np.array([rng.choice(classes, p=row) for row in softmax(logits, axis=1)])
    logits = logits * sharpness

    def nll(log_t):
        return -log_softmax(logits / np.exp(log_t), axis=1)[np.arange(n), labels].mean()

    found = minimize_scalar(nll, bounds=(np.log(0.1), np.log(20)), method="bounded", options={"xatol": 1e-10})
    temperature = float(np.exp(found.x))
    return {
        "classes": classes,
        "logits": logits.ravel().tolist(),
        "labels": labels.tolist(),
        "temperature": temperature,
        "eceBefore": ece(softmax(logits, axis=1), labels),
        "eceAfter": ece(softmax(logits / temperature, axis=1), labels),
    }


def ranking_case(name, scores, positive):
    false_rate, true_rate, _ = roc_curve(positive, scores, drop_intermediate=False)
    return {
        "name": name,
        "scores": scores.tolist(),
        "positive": positive.tolist(),
        "auc": roc_auc_score(positive, scores),
        "fprAt95": false_rate[np.argmax(true_rate >= 0.95)],
    }


def open_set_case():
    """The curve of Dhamija et al. (NeurIPS 2018), one point for each threshold, and its area by trapezoids."""
    draws = np.random.default_rng(12)
    known = draws.random(90) < 0.7
    right = known & (draws.random(90) < 0.9)
    confidence = np.round(draws.normal(known * 0.8 + right * 0.6, 1), 1)
    at = np.unique(confidence)[::-1, None]
    accepted = confidence >= at
    right_rate = (accepted & right).sum(1) / known.sum()
    false_rate = (accepted & ~known).sum(1) / (~known).sum()
    return {
        "confidence": confidence.tolist(),
        "known": known.astype(int).tolist(),
        "right": right.astype(int).tolist(),
        "area": np.trapezoid(np.r_[0, right_rate], np.r_[0, false_rate]),
    }


def f1_case():
    labels = rng.choice([0, 1, 3], 60)
    predicted = np.where(rng.random(60) < 0.7, labels, rng.choice([0, 1, 4], 60))
    fixed = {"labels": range(6), "zero_division": 0}
    return {
        "classes": 6,
        "labels": labels.tolist(),
        "predicted": predicted.tolist(),
        "macroOccurring": f1_score(labels, predicted, average="macro", zero_division=0),
        "macroFixed": f1_score(labels, predicted, average="macro", **fixed),
        "weightedFixed": f1_score(labels, predicted, average="weighted", **fixed),
    }


def conformal_case(n, alpha):
    residuals = rng.normal(0, 1, n)
    rank = int(np.ceil((n + 1) * (1 - alpha) - 1e-9))
    return {
        "alpha": alpha,
        "values": residuals.tolist(),
        "rank": rank,
        "quantile": np.sort(residuals)[rank - 1],
        # the usual slip: the level is raised to rank / n, and numpy counts from 0
        "numpyHigher": np.quantile(residuals, rank / n, method="higher"),
    }


def bootstrap_case(name, groups):
    n, classes, replicates = len(groups), 4, 60
    labels = rng.choice(3, n)
    models = [np.where(rng.random(n) < skill, labels, rng.choice(classes, n)) for skill in (0.6, 0.75)]
    count = int(max(groups)) + 1
    draws = rng.integers(0, count, (replicates, count))

    def values(rows):
        macro = {"average": "macro", "zero_division": 0}
        return [
            [accuracy_score(labels[rows], model[rows]), f1_score(labels[rows], model[rows], **macro)] for model in models
        ]

    members = [np.flatnonzero(np.asarray(groups) == group) for group in range(count)]
    drawn = np.array([values(np.concatenate([members[group] for group in row])) for row in draws])
    whole = np.array(values(np.arange(n)))

    def interval(of_whole, of_drawn):
        return [of_whole, *np.quantile(of_drawn, [0.05, 0.95])]

    return {
        "name": name,
        "classes": classes,
        "labels": labels.tolist(),
        "predicted": [model.tolist() for model in models],
        "groups": list(map(int, groups)),
        "draws": draws.ravel().tolist(),
        "replicates": replicates,
        "level": 0.9,
        # [model][accuracy, macro-F1][value, lower, upper]
        "models": [[interval(whole[m, s], drawn[:, m, s]) for s in (0, 1)] for m in (0, 1)],
        "gain": [interval(whole[1, s] - whole[0, s], drawn[:, 1, s] - drawn[:, 0, s]) for s in (0, 1)],
    }


ties = rng.integers(0, 8, 120) / 8
kinds = (ties + rng.normal(0, 0.4, 120) > 0.5).astype(int)
json.dump(
    {
        "source": "numpy, scipy, scikit-learn",
        "version": f"{np.__version__}, {scipy.__version__}, {sklearn.__version__}",
        "tolerance": {"scores": 1e-12, "temperature": 1e-3, "ece": 1e-6},
        "scores": scores_case(),
        "temperatures": [temperature_case(sharpness) for sharpness in (3, 1, 0.4)],
        "rankings": [
            ranking_case("scores have ties", ties, kinds),
            ranking_case("all scores differ", rng.normal(kinds * 1.5, 1), kinds),
            ranking_case("all scores are equal", np.ones(40), kinds[:40]),
        ],
        "openSet": open_set_case(),
        "f1": f1_case(),
        "conformal": [conformal_case(99, 0.1), conformal_case(40, 0.05), conformal_case(999, 0.05)],
        "bootstraps": [
            bootstrap_case("rows are drawn singly", np.arange(50)),
            bootstrap_case("rows are drawn in groups", rng.permutation(np.repeat(np.arange(12), 5))),
        ],
    },
    sys.stdout,
)
