"""The same model and scores in Python, on the arrays that scripts/measure-open-world.mjs has written.

`python twin.py '{"folder": …, "seed": 1, "threads": 2, "preset": {…}}'` writes `twin.json` into the folder. Training is
that of scripts/quality/twin.py; the scores are numpy's and scikit-learn's.
"""
import json
import sys
from pathlib import Path

import numpy as np
import xgboost
from scipy.special import logsumexp, softmax
from scipy.stats import entropy
from sklearn.metrics import auc, roc_auc_score, roc_curve

asked = json.loads(sys.argv[1])
folder = Path(asked['folder'])
about = json.loads((folder / 'data.json').read_text())
boosting = asked['preset']['boosting']


def part(name):
    read = lambda end: np.fromfile(folder / f'{name}.{end}', dtype='<i4' if end.endswith('i32') else '<f4')
    labels = read('labels.i32')
    n = len(labels)
    return np.hstack([read('ppi.f32').reshape(n, -1), read('tabular.f32').reshape(n, -1)]), labels


def trained(train, validation):
    rows = xgboost.QuantileDMatrix(*train, max_bin=boosting['maxBin'], nthread=asked['threads'])
    watched = xgboost.QuantileDMatrix(*validation, ref=rows, nthread=asked['threads'])
    settings = dict(
        objective='multi:softprob', eval_metric='mlogloss', num_class=about['classes'], tree_method='hist',
        eta=boosting['eta'], max_depth=boosting['maxDepth'], max_bin=boosting['maxBin'], min_child_weight=1,
        colsample_bytree=0.5, subsample=1, nthread=asked['threads'], seed=asked['seed'], **{'lambda': 1},
    )
    return xgboost.train(
        settings, rows, boosting['rounds'], evals=[(watched, 'validation')],
        early_stopping_rounds=boosting['earlyStoppingRounds'], verbose_eval=50,
    )


def scores(confidence, labels, right, threshold):
    """Near flows have the label -1, far ones -2."""
    known = labels >= 0
    share = lambda rows: (confidence[rows] < threshold).mean()
    found = {
        'accuracy': right[known].mean(),
        'known rejected': share(known),
        'right rejected': share(known & right),
    }
    for name, kind in {'near': -1, 'far': -2}.items():
        unknown = labels == kind
        rows = known | unknown
        false_rate, true_rate, _ = roc_curve(unknown[rows], -confidence[rows], drop_intermediate=False)
        at = np.unique(confidence[rows])[::-1]
        accepted = lambda which: np.r_[0, [(confidence[which] >= t).sum() for t in at]]
        curve = accepted(unknown) / unknown.sum(), accepted(known & right) / known.sum()
        found |= {
            f'{name} rejected': share(unknown),
            f'{name} AUROC': roc_auc_score(unknown[rows], -confidence[rows]),
            f'{name} FPR@95': false_rate[np.argmax(true_rate >= 0.95)],
            f'{name} OSCR': auc(*curve),
        }
    return found


train, validation, test = part('train'), part('validation'), part('test')
kept = folder / 'theirs.ubj'
if kept.exists():
    model = xgboost.Booster(model_file=kept)
else:
    model = trained(train, validation)
    model = model[: model.best_iteration + 1]
    model.save_model(kept)
margins = [
    model.inplace_predict(rows, predict_type='margin')
    for rows, _ in (validation, test)
]
right = margins[1].argmax(1) == test[1]


def margin(z):
    ordered = np.sort(softmax(z, axis=1), axis=1)
    return ordered[:, -1] - ordered[:, -2]


result = []
for name, confidence in {
    'greatest probability': lambda z: softmax(z, axis=1).max(1),
    'margin': margin,
    'energy': lambda z: logsumexp(z, axis=1),
    'certainty': lambda z: 1 - entropy(softmax(z, axis=1), axis=1) / np.log(z.shape[1]),
}.items():
    held, seen = (confidence(z.astype('f8')) for z in margins)
    rank = int(np.ceil((len(held) + 1) * 0.95 - 1e-9))
    threshold = -np.sort(-held)[rank - 1]
    result.append({'score': name, **{k: float(v) for k, v in scores(seen, test[1], right, threshold).items()}})
(folder / 'twin.json').write_text(json.dumps(result))
