"""The boosters of `sentinel bench models` through their Python packages.

A request is a line on stdin, {"folder", "booster", "what": "fit" or "predict", "parameters", "rounds", "threads"}; the
answer is a line on stdout, {"seconds": ...}. `fit` keeps the model that `predict` asks. Rows are read before the clock
starts.
"""
import json
import os
import sys
import time

os.environ['OMP_WAIT_POLICY'] = 'PASSIVE'  # as ours: a library that is loaded twice must not spin beside its peer
import lightgbm as lgb  # noqa: E402 (reads the policy when it is imported)
import numpy as np  # noqa: E402
import xgboost as xgb  # noqa: E402

parts = {}
models = {}


def rows(folder, name):
    """A part's matrix and labels, kept for the next request."""
    if name not in parts:
        labels = np.fromfile(f'{folder}/{name}.i32', dtype=np.int32)
        parts[name] = np.fromfile(f'{folder}/{name}.f32', dtype=np.float32).reshape(len(labels), -1), labels
    return parts[name]


def fit_xgboost(train, validation, parameters, rounds):
    d_train = xgb.QuantileDMatrix(train[0], label=train[1], max_bin=parameters['max_bin'], nthread=parameters['nthread'])
    d_validation = xgb.QuantileDMatrix(
        validation[0], label=validation[1], ref=d_train, max_bin=parameters['max_bin'], nthread=parameters['nthread']
    )
    evals = [(d_train, 'train'), (d_validation, 'validation')]
    return xgb.train(parameters, d_train, num_boost_round=rounds, evals=evals, verbose_eval=False)


def fit_lightgbm(train, validation, parameters, rounds):
    d_train = lgb.Dataset(train[0], label=train[1], params=parameters)
    d_validation = lgb.Dataset(validation[0], label=validation[1], reference=d_train)
    return lgb.train(parameters, d_train, num_boost_round=rounds, valid_sets=[d_train, d_validation])


FIT = {'xgboost': fit_xgboost, 'lightgbm': fit_lightgbm}
PREDICT = {
    'xgboost': lambda model, matrix, threads: model.inplace_predict(matrix),
    'lightgbm': lambda model, matrix, threads: model.predict(matrix, num_threads=threads),
}

for line in sys.stdin:
    request = json.loads(line)
    booster = request['booster']
    train, validation = rows(request['folder'], 'train'), rows(request['folder'], 'validation')
    started = time.perf_counter()
    if request['what'] == 'fit':
        models[booster] = FIT[booster](train, validation, request['parameters'], request['rounds'])
    else:
        PREDICT[booster](models[booster], train[0], request['threads'])
    print(json.dumps({'seconds': time.perf_counter() - started}), flush=True)
