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
from keras_networks import C, T, build, fit_scaling, scale

VALIDATION = 10  # every tenth flow validates
PREDICTION_BATCH = 1024


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
        self.scaling = fit_scaling(self.raw[2])
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
        inputs = scale(*self.raw, self.scaling)
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
        model.predict([x[:PREDICTION_BATCH] for x in scale(*self.raw, self.scaling)], verbose=0)  # warm
        started = time.perf_counter()
        keras.ops.softmax(model.predict(scale(*self.raw, self.scaling), batch_size=PREDICTION_BATCH, verbose=0))
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
