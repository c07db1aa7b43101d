"""scikit-learn's classification scores and balanced class weights; the calibration error in numpy.

python sklearn-scores.py > sklearn-scores.json
"""

import json
import sys
import warnings

import numpy as np
import sklearn
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss, precision_recall_fscore_support
from sklearn.utils.class_weight import compute_class_weight

warnings.filterwarnings("ignore")
rng = np.random.default_rng(5)


def ece(probabilities, labels, bins=15):
    confidence = probabilities.max(1).astype(np.float64)
    hit = probabilities.argmax(1) == labels
    edges = np.linspace(0, 1, bins + 1)
    total = 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            total += abs(hit[inside].mean() - confidence[inside].mean()) * inside.mean()
    return total


def case(name, n, true_classes, classes, sharpness, spared=()):
    labels = rng.choice(true_classes, n)
    logits = rng.normal(0, 1, (n, classes))
    logits[np.arange(n), labels] += sharpness
    logits[:, list(spared)] = -30
    e = np.exp(logits - logits.max(1, keepdims=True))
    probabilities = (e / e.sum(1, keepdims=True)).astype(np.float32)
    predicted = probabilities.argmax(1)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=range(classes), zero_division=0
    )
    return {
        "name": name,
        "classes": classes,
        "labels": labels.tolist(),
        "probabilities": [float(p) for p in probabilities.ravel()],
        "accuracy": accuracy_score(labels, predicted),
        "macroF1": f1_score(labels, predicted, average="macro", zero_division=0),
        "weightedF1": f1_score(labels, predicted, average="weighted", zero_division=0),
        "logloss": log_loss(labels, probabilities, labels=range(classes)),
        "ece": ece(probabilities, labels),
        "precision": precision.tolist(),
        "recall": recall.tolist(),
        "f1": f1.tolist(),
        "support": support.tolist(),
        "confusion": confusion_matrix(labels, predicted, labels=range(classes)).ravel().tolist(),
    }


weight_labels = rng.choice([0, 1, 2, 4], 90, p=[0.7, 0.2, 0.07, 0.03])
present = np.unique(weight_labels)
json.dump(
    {
        "source": "scikit-learn",
        "version": sklearn.__version__,
        "tolerance": {"scores": 1e-12, "logloss": 1e-6, "ece": 1e-6},  # log_loss sums in float32
        "cases": [
            case("all classes occur", 120, [0, 1, 2, 3], 4, 1.5),
            case("a class occurs nowhere", 80, [0, 1, 3], 5, 1.0, spared=(2, 4)),
            case("a class is only predicted", 60, [0, 2], 4, 0.8, spared=(3,)),
            case("a class is never predicted", 60, [0, 1, 2], 3, 1.0, spared=(1,)),
        ],
        "classWeights": {
            "labels": weight_labels.tolist(),
            "present": present.tolist(),
            "balanced": compute_class_weight("balanced", classes=present, y=weight_labels).tolist(),
        },
    },
    sys.stdout,
)
