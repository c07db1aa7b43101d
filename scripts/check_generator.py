"""How hard generated flows are for a gradient-boosting classifier; read by check-generator.mjs.

Usage: check_generator.py FOLDER SEED. The folder holds the data set `train`, and either `later` and
`exporter` or one data set for each event in `events`; check-generator.mjs makes them. Prints one JSON document: accuracies in [0, 1], MFWDD severities.

LightGBM: 20 rounds, 48 leaves, learning rate .15, on PPI and flow statistics (no histograms).
Severity (MFWDD): mean over the features of Wasserstein-1 by the pooled sd, weighted by gain.
"""

import csv
import json
import sys
from pathlib import Path

import lightgbm
import numpy as np
from scipy.stats import wasserstein_distance
from sklearn.metrics import f1_score, roc_auc_score

csv.field_size_limit(1 << 20)
STATS = [
    *("DURATION BYTES BYTES_REV PACKETS PACKETS_REV PPI_LEN PPI_DURATION PPI_ROUNDTRIPS".split()),
    *(f"FLOW_ENDREASON_{reason}" for reason in ("IDLE", "ACTIVE", "END", "OTHER")),
]
KNOWN_REJECTED = 0.05


def read(folder, weeks=None):
    """Features [N, 90 + 12], app names [N] of the day files of the weeks (all when None)."""
    features, apps = [], []
    for file in sorted(Path(folder).glob("WEEK-*/*/flows-*.csv")):
        if weeks is not None and file.parts[-3] not in weeks:
            continue
        with open(file, newline="") as rows:
            for row in csv.DictReader(rows):
                ppi = np.zeros((3, 30), np.float32)
                for channel, values in zip(ppi, json.loads(row["PPI"])):
                    channel[: len(values)] = values
                features.append(np.concatenate([ppi.ravel(), [float(row[name]) for name in STATS]]))
                apps.append(row["APP"])
    return np.array(features, np.float32), np.array(apps)


def weeks_of(*numbers):
    return {f"WEEK-2022-{number:02d}" for number in numbers}


def fit(features, apps):
    names, labels = np.unique(apps, return_inverse=True)
    settings = dict(objective="multiclass", num_class=len(names), num_leaves=48, learning_rate=0.15)
    # a class has a few dozen rows: without a floor on the Hessian, small leaves explode
    settings |= dict(min_data_in_leaf=20, feature_fraction=0.8, lambda_l2=4)
    settings |= dict(seed=1, deterministic=True, verbose=-1)
    model = lightgbm.train(settings, lightgbm.Dataset(features, labels), num_boost_round=20)
    return model, names


def score(fitted, data):
    model, names = fitted
    features, apps = data
    predicted = names[model.predict(features).argmax(axis=1)]
    return {"accuracy": float(np.mean(predicted == apps)), "macroF1": macro_f1(apps, predicted)}


def macro_f1(apps, predicted):
    return float(f1_score(apps, predicted, labels=np.unique(apps), average="macro"))


def provider_accuracy(fitted, data, prefix):
    features, apps = data
    mine = np.char.startswith(apps, prefix)
    return score(fitted, (features[mine], apps[mine]))["accuracy"]


def severity(model, reference, current):
    gains = model.feature_importance("gain")
    distances = []
    for before, after in zip(reference.T, current.T):
        spread = np.std(np.concatenate([before, after]), ddof=1)
        distances.append(wasserstein_distance(before, after) / spread if spread > 0 else 0.0)
    return float(np.average(distances, weights=gains))


def open_set(train, validate, seed):
    """18 apps are unknown: half of them single services, half inside providers with many apps."""
    names = np.unique(train[1])
    provider = np.array([name.split("-")[0] for name in names])
    inside = np.array([np.sum(provider == own) > 1 for own in provider])
    random = np.random.default_rng(seed)
    unknown = [random.choice(names[mask], 9, replace=False) for mask in (inside, ~inside)]
    unknown = np.concatenate(unknown)
    kept = ~np.isin(train[1], unknown)
    model, _ = fit(train[0][kept], train[1][kept])
    margins = model.predict(validate[0], raw_score=True)
    top = margins.max(axis=1)
    exponentials = np.exp(margins - top[:, None])
    second = np.partition(margins, -2, axis=1)[:, -2]
    scores = {
        "msp": 1 / exponentials.sum(axis=1),
        "energy": top + np.log(exponentials.sum(axis=1)),
        "margin": 1 / exponentials.sum(axis=1) * (1 - np.exp(second - top)),
    }
    is_unknown = np.isin(validate[1], unknown)
    return {
        name: {
            "auroc": float(roc_auc_score(is_unknown, -value)),
            "rejected": float(
                np.mean(value[is_unknown] < np.quantile(value[~is_unknown], KNOWN_REJECTED))
            ),
        }
        for name, value in scores.items()
    }


def main():
    folder = Path(sys.argv[1])
    seed = int(sys.argv[2])
    features, apps = read(folder / "train")
    order = np.random.default_rng(seed).permutation(len(apps))
    cut = len(apps) * 4 // 5
    train = features[order[:cut]], apps[order[:cut]]
    validate = features[order[cut:]], apps[order[cut:]]
    fitted = fit(*train)
    result = {"validation": score(fitted, validate)}
    null = severity(fitted[0], train[0], validate[0])
    if (folder / "later").exists():
        months = [
            read(folder / "later", weeks_of(*range(26 + 4 * month, 30 + 4 * month)))
            for month in range(3)
        ]
        exporter = read(folder / "exporter")
        result["months"] = [score(fitted, month) for month in months]
        result["exporter"] = score(fitted, exporter)
        result["severity"] = {
            "null": null,
            "months": [severity(fitted[0], train[0], month[0]) for month in months],
            "exporter": severity(fitted[0], train[0], exporter[0]),
        }
    if (folder / "events").exists():
        result["openSet"] = open_set(train, validate, seed)
        result["events"] = {}
        for event in sorted((folder / "events").iterdir()):
            data = read(event)
            result["events"][event.name] = {
                **score(fitted, data),
                "provider": provider_accuracy(fitted, data, "google-"),
                "severity": severity(fitted[0], train[0], data[0]),
            }
    print(json.dumps(result))


main()
