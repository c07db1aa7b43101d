"""Peer of `sentinel bench models`: the same networks in Keras, trained and asked on the same flows.

A request is a line on stdin; the answer is a line on stdout, {"seconds": …}.
{"load": FOLDER, "classes": K, "features": F}   reads ppi.f32, lengths.u8, tabular.f32, labels.i32; 0 seconds
{"fit": KIND, "batch": B, "rate": R}            seconds of the second epoch, its validation included
{"predict": KIND}                               seconds to scale all flows and predict them
"""
import json
import os
import sys
import time
from pathlib import Path

os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
os.environ['CUDA_VISIBLE_DEVICES'] = ''
import keras
import numpy as np
from keras import layers

T, C = 30, 3
VALIDATION = 10  # every tenth flow validates
PREDICTION_BATCH = 1024


def scale(ppi, lengths, tabular):
    """As scaling.ts: size / 300, direction, log1p of the time; signed log1p, standardised, clipped."""
    mask = (np.arange(T) < lengths[:, None]).astype(np.float32)
    packets = np.stack([ppi[..., 0] / 300, ppi[..., 1], np.log1p(np.maximum(ppi[..., 2], 0))], -1)
    logs = np.sign(tabular) * np.log1p(np.abs(tabular))
    standard = np.clip((logs - logs.mean(0)) / np.maximum(logs.std(0), 1e-6), -5, 5)
    return [packets * mask[..., None], mask[..., None], standard.astype(np.float32)]


def build(kind, classes, features):
    """Layer by layer as in models/tensorflow/KIND/network.ts, on the same three inputs."""
    inputs = [keras.Input((T, C)), keras.Input((T, 1)), keras.Input((features,))]
    ppi, mask, tabular = inputs
    if kind == 'lstm':
        x = layers.Dropout(0.1)(layers.LSTM(64)(layers.Masking(0.0)(ppi)))
        return keras.Model(inputs, layers.Dense(classes)(x))
    normal = kind == 'two-branch'
    if normal:
        convolutions, order, stats, joint = [(64, 7), (96, 5), (96, 3)], 48, [128, 64], 160
    else:
        convolutions, order, stats, joint = [(48, 5), (96, 5), (96, 3)], 64, [64], 128

    def activated(layer, x):
        x = layer(x)
        return layers.ReLU()(layers.BatchNormalization()(x) if normal else x)

    x = ppi
    for channels, width in convolutions:
        layer = layers.Conv1D(channels, width, padding='same', use_bias=not normal)
        x = layers.Multiply()([activated(layer, x), mask])
    count = keras.ops.maximum(keras.ops.sum(mask, 1), 1)
    pooled = [keras.ops.max(x, 1), keras.ops.sum(x, 1) / count]
    parts = [*pooled, activated(layers.Dense(order, use_bias=not normal), layers.Flatten()(x))]
    y = tabular
    for units in stats:
        y = activated(layers.Dense(units, use_bias=not normal), y)
    z = layers.Dropout(0.1)(layers.Concatenate()([*parts, y]))
    z = layers.Dropout(0.1)(activated(layers.Dense(joint, use_bias=not normal), z))
    return keras.Model(inputs, layers.Dense(classes)(z))


class EpochEnds(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.times = []

    def on_epoch_end(self, epoch, logs=None):
        self.times.append(time.perf_counter())


class Bench:
    def load(self, folder, classes, features):
        read = lambda name, kind: np.fromfile(Path(folder) / name, dtype=kind)
        self.labels = read('labels.i32', '<i4')
        n = len(self.labels)
        self.raw = (
            read('ppi.f32', '<f4').reshape(n, T, C),
            read('lengths.u8', 'u1'),
            read('tabular.f32', '<f4').reshape(n, features),
        )
        self.sizes = (classes, features)
        self.models = {}
        return 0

    def model(self, kind):
        if kind not in self.models:
            self.models[kind] = build(kind, *self.sizes)
        return self.models[kind]

    def fit(self, kind, batch, rate):
        model = self.model(kind)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(rate), loss, weighted_metrics=['accuracy'])
        inputs = scale(*self.raw)
        held = np.arange(len(self.labels)) % VALIDATION == 0
        ends = EpochEnds()
        model.fit(
            [x[~held] for x in inputs],
            self.labels[~held],
            sample_weight=np.ones((~held).sum(), dtype=np.float32),
            validation_data=([x[held] for x in inputs], self.labels[held]),
            validation_batch_size=PREDICTION_BATCH,
            **dict(batch_size=batch, epochs=2, verbose=0, callbacks=[ends]),
        )
        return ends.times[1] - ends.times[0]

    def predict(self, kind):
        model = self.model(kind)
        model.predict([x[:PREDICTION_BATCH] for x in scale(*self.raw)], verbose=0)  # warm
        started = time.perf_counter()
        keras.ops.softmax(model.predict(scale(*self.raw), batch_size=PREDICTION_BATCH, verbose=0))
        return time.perf_counter() - started


bench = Bench()
for line in sys.stdin:
    request = json.loads(line)
    if 'load' in request:
        seconds = bench.load(request['load'], request['classes'], request['features'])
    elif 'fit' in request:
        seconds = bench.fit(request['fit'], request['batch'], request['rate'])
    else:
        seconds = bench.predict(request['predict'])
    print(json.dumps({'seconds': seconds}), flush=True)
