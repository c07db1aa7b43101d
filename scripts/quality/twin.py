"""The same model in Python, on the arrays that scripts/measure-quality.mjs has written: probabilities of the test rows.

`python twin.py '{"folder": …, "model": "xgboost", "seed": 1, "threads": 2, "preset": {…}}'`
Settings, order of columns, early stopping and learning rates are those of models/ in TypeScript.
"""
import json
import os
import sys
from pathlib import Path

os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
os.environ['CUDA_VISIBLE_DEVICES'] = ''
import numpy as np

T, C = 30, 3
asked = json.loads(sys.argv[1])
folder, seed, threads, preset = (asked[key] for key in ('folder', 'seed', 'threads', 'preset'))
about = json.loads((Path(folder) / 'data.json').read_text())
K, F = about['classes'], about['features']


def part(name):
    read = lambda end, kind: np.fromfile(Path(folder) / f'{name}.{end}', dtype=kind)
    labels = read('labels.i32', '<i4')
    n = len(labels)
    ppi, tabular = read('ppi.f32', '<f4').reshape(n, T, C), read('tabular.f32', '<f4').reshape(n, F)
    return ppi, read('lengths.u8', 'u1'), tabular, labels


def matrix(ppi, _lengths, tabular, labels):
    return np.hstack([ppi.reshape(len(labels), -1), tabular])


def boosted():
    """XGBoost by the preset: eta, depth, half of the columns a tree, early stopping on the validation logloss."""
    import xgboost

    boosting = preset['boosting']
    train, validation, test = part('train'), part('validation'), part('test')
    rows = xgboost.QuantileDMatrix(matrix(*train), train[3], max_bin=boosting['maxBin'], nthread=threads)
    watched = xgboost.QuantileDMatrix(matrix(*validation), validation[3], ref=rows, nthread=threads)
    settings = dict(
        objective='multi:softprob', eval_metric='mlogloss', num_class=K, tree_method='hist',
        eta=boosting['eta'], max_depth=boosting['maxDepth'], max_bin=boosting['maxBin'], min_child_weight=1,
        colsample_bytree=0.5, subsample=1, nthread=threads, seed=seed, **{'lambda': 1},
    )
    model = xgboost.train(
        settings, rows, boosting['rounds'], evals=[(watched, 'validation')],
        early_stopping_rounds=boosting['earlyStoppingRounds'], verbose_eval=50,
    )
    return model.inplace_predict(matrix(*test), iteration_range=(0, model.best_iteration + 1))


def leafwise():
    """LightGBM with the settings of the published TLS-Year22 baseline, rows weighted by class as ours."""
    import lightgbm

    train, validation, test = part('train'), part('validation'), part('test')
    settings = dict(
        objective='multiclass', metric='multi_logloss', num_class=K, learning_rate=0.1, num_leaves=320,
        min_data_in_leaf=20, max_bin=255, feature_fraction=0.8, lambda_l2=4, num_threads=threads, seed=seed,
        deterministic=True, force_col_wise=True, verbosity=-1,
    )
    rows = lightgbm.Dataset(matrix(*train), train[3], weight=class_weights(train[3], 20))
    watched = lightgbm.Dataset(matrix(*validation), validation[3], reference=rows)
    stop = lightgbm.early_stopping(preset['boosting']['earlyStoppingRounds'], verbose=False)
    model = lightgbm.train(settings, rows, 20, valid_sets=[watched], callbacks=[stop])
    return model.predict(matrix(*test), num_iteration=model.best_iteration)


def class_weights(labels, cap):
    """Weight of each row: min(cap, N / (K n_class)), scaled to a mean of 1."""
    weights = np.minimum(cap, len(labels) / (K * np.maximum(np.bincount(labels, minlength=K), 1)))[labels]
    return weights / weights.mean()


def network(kind):
    """Keras: the layers of the bench, Adam with a warm-up and half a cosine, the epoch of the best macro-F1."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'bench'))
    import keras
    from keras_networks import build, fit_scaling, scale
    from sklearn.metrics import f1_score

    keras.utils.set_random_seed(seed)
    settings = preset['lstm' if kind == 'lstm' else 'cnn']
    train, validation, test = part('train'), part('validation'), part('test')
    scaling = fit_scaling(train[2])
    parts = {'train': train, 'validation': validation, 'test': test}
    inputs = {name: scale(*rows[:3], scaling) for name, rows in parts.items()}
    steps = settings['epochs'] * -(-len(train[3]) // settings['batchSize'])
    warm, peak = max(1, steps // 20), settings['learningRate']

    class Schedule(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            step = keras.ops.cast(step, 'float32')
            falling = peak / 2 * (1 + keras.ops.cos(np.pi * (step - warm) / max(1, steps - warm)))
            return keras.ops.where(step < warm, peak * (step + 1) / warm, falling)

    model = build(kind, K, F, statistics=kind != 'cnn')
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(Schedule()), loss)
    best, kept, waited = -1.0, None, 0
    for epoch in range(settings['epochs']):
        model.fit(inputs['train'], train[3], batch_size=settings['batchSize'], epochs=1, verbose=0)
        said = model.predict(inputs['validation'], batch_size=1024, verbose=0).argmax(1)
        score = f1_score(validation[3], said, average='macro', zero_division=0)
        print(f'{kind} epoch {epoch + 1}: validation macro-F1 {score:.4f}', file=sys.stderr)
        if score > best:
            best, kept, waited = score, model.get_weights(), 0
        else:
            waited += 1
            if waited >= settings['earlyStoppingEpochs']:
                break
    model.set_weights(kept)
    return np.asarray(keras.ops.softmax(model.predict(inputs['test'], batch_size=1024, verbose=0)))


model = asked['model']
found = {'xgboost': boosted, 'lightgbm': leafwise}.get(model, lambda: network(model))()
found.astype('<f4').tofile(Path(folder) / f'theirs-{model}.test.f32')
