"""The champion gate's evidence by scikit-learn and numpy: scores, losses by class and calibration of two answers.

python retrain.py > retrain.json
"""

import json
import sys
import warnings

import numpy as np
import sklearn
from sklearn.metrics import f1_score

warnings.filterwarnings("ignore")
rng = np.random.default_rng(17)
N, CLASSES = 600, ["chat", "files", "mail", "video"]
K = len(CLASSES)


def answers(skill, known):
    """Right with the chance `skill` where the class is known; sure of it to a degree that has no meaning."""
    right = (rng.random(N) < skill) & (labels < known)
    predicted = np.where(right, labels, rng.integers(0, known, N))
    return predicted, rng.uniform(0.3, 1, N)


def ece(predicted, confidence, bins=15):
    hit = predicted == labels
    edges = np.linspace(0, 1, bins + 1)
    inside = [(confidence > low) & (confidence <= high) for low, high in zip(edges[:-1], edges[1:])]
    return sum(abs(hit[bin].mean() - confidence[bin].mean()) * bin.mean() for bin in inside if bin.any())


labels = rng.choice(K, N, p=[0.5, 0.3, 0.15, 0.05])
champion, champion_confidence = answers(0.7, K - 1)  # it does not know the last class
challenger, challenger_confidence = answers(0.85, K)
f1 = [f1_score(labels, said, labels=range(K), average=None) for said in (champion, challenger)]
golden = {
    "source": "scikit-learn f1_score, numpy",
    "version": f"{sklearn.__version__}, {np.__version__}",
    "tolerance": 1e-12,
    "classes": CLASSES,
    "labels": labels.tolist(),
    "predicted": [champion.tolist(), challenger.tolist()],
    "confidence": [champion_confidence.tolist(), challenger_confidence.tolist()],
    "championF1": f1_score(labels, champion, average="macro"),
    "challengerF1": f1_score(labels, challenger, average="macro"),
    "losses": {name: [int((labels == k).sum()), f1[0][k] - f1[1][k]] for k, name in enumerate(CLASSES)},
    "eceRise": ece(challenger, challenger_confidence) - ece(champion, champion_confidence),
}
json.dump(golden, sys.stdout)
