"""Keras's Masking + LSTM + Dense with gradients, Conv1D, pooling, Adam, BatchNormalization.

python keras-networks.py > keras-networks.json
"""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(11)
rng = np.random.default_rng(11)


def numbers(x) -> dict:
    x = np.asarray(x, dtype=np.float32)
    return {"shape": list(x.shape), "values": [float(v) for v in x.ravel()]}


# Masking + LSTM(4) + Dense(3): flows of 1 to 30 packets, and one without.
N, T, C, U, K = 6, 30, 3, 4, 3
lengths = [30, 1, 7, 18, 2, 0]
x = np.zeros((N, T, C), dtype=np.float32)
for i, t in enumerate(lengths):
    x[i, :t, 0] = rng.uniform(0.03, 1, t)
    x[i, :t, 1] = rng.choice([-1, 1], t)
    x[i, 1:t, 2] = np.log1p(rng.integers(0, 2000, max(0, t - 1)))
model = keras.Sequential(
    [keras.Input((T, C)), keras.layers.Masking(0.0), keras.layers.LSTM(U), keras.layers.Dense(K)]
)
for weight in model.weights:
    weight.assign(weight + rng.normal(0, 0.2, weight.shape).astype(np.float32))
labels = np.array([0, 1, 2, 0, 1, 2])
row_weights = np.array([1, 0.5, 2, 1.5, 0.25, 0.75], dtype=np.float32)
with tf.GradientTape() as tape:
    logits = model(x)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    loss = tf.reduce_mean(losses * row_weights)
gradients = tape.gradient(loss, [w.value for w in model.trainable_weights])
names = ["lstm/kernel", "lstm/recurrent", "lstm/bias", "classes/kernel", "classes/bias"]
lstm = {
    "ppi": numbers(x),
    "lengths": lengths,
    "units": U,
    "classes": K,
    "labels": labels.tolist(),
    "rowWeights": row_weights.tolist(),
    "weights": {n: numbers(w) for n, w in zip(names, model.get_weights())},
    "probabilities": numbers(keras.ops.softmax(logits)),
    "loss": float(loss),
    "gradients": {n: numbers(g) for n, g in zip(names, gradients)},
}

# Conv1D, then ReLU and pooling over the packets present.
kernel = rng.normal(0, 0.4, (5, C, 6)).astype(np.float32)
bias = rng.normal(0, 0.4, (6,)).astype(np.float32)
convolved = {}
for padding in ("same", "valid"):
    layer = keras.layers.Conv1D(6, 5, padding=padding)
    layer.build((None, T, C))
    layer.set_weights([kernel, bias])
    convolved[padding] = layer(x)
mask = np.array([[t < n for t in range(T)] for n in lengths])
relu = np.maximum(np.asarray(convolved["same"]), 0)
present = [i for i, n in enumerate(lengths) if n > 0]  # Keras divides by 0 for a flow without packets
conv = {
    "kernel": numbers(kernel),
    "bias": numbers(bias),
    "same": numbers(convolved["same"]),
    "valid": numbers(convolved["valid"]),
    "present": present,
    "maxPool": numbers(keras.layers.GlobalMaxPooling1D()(relu * mask[:, :, None])),
    "maxPoolAll": numbers(keras.layers.GlobalMaxPooling1D()(relu)),
    "averagePool": numbers(
        keras.layers.GlobalAveragePooling1D()(relu[present], mask=tf.constant(mask[present]))
    ),
    "averagePoolAll": numbers(keras.layers.GlobalAveragePooling1D()(relu)),
}

# Five steps of Adam at changing rates.
start = rng.normal(0, 1, (2, 3)).astype(np.float32)
variable = keras.Variable(start)
optimiser = keras.optimizers.Adam(learning_rate=0.01)
optimiser.build([variable])
rates = [0.01, 0.02, 0.02, 0.005, 0.001]
steps = rng.normal(0, 1, (5, 2, 3)).astype(np.float32)
for rate, gradient in zip(rates, steps):
    optimiser.learning_rate = rate
    optimiser.apply([tf.constant(gradient)], [variable])
adam = {"start": numbers(start), "rates": rates, "gradients": [numbers(g) for g in steps], "end": numbers(variable)}

# BatchNormalization: prediction, then one training step with gradients.
C = 5
x = tf.constant(rng.normal(1, 2, (4, T, C)).astype(np.float32))
layer = keras.layers.BatchNormalization(momentum=0.9)
layer.build((None, T, C))
layer.set_weights([rng.uniform(0.5, 1.5, C).astype(np.float32) for _ in range(4)])
before = [numbers(w) for w in layer.get_weights()]
predicted = layer(x, training=False)
upstream = rng.normal(0, 1, x.shape).astype(np.float32)
with tf.GradientTape() as tape:
    tape.watch(x)
    trained = layer(x, training=True)
    loss = tf.reduce_sum(trained * upstream)
sources = [x, layer.gamma.value, layer.beta.value]
norm = {
    "x": numbers(x),
    "weights": dict(zip(["scale", "offset", "movingMean", "movingVariance"], before)),
    "predicted": numbers(predicted),
    "trained": numbers(trained),
    "upstream": numbers(upstream),
    "gradients": [numbers(g) for g in tape.gradient(loss, sources)],
    "movedMean": numbers(layer.moving_mean),
    "movedVariance": numbers(layer.moving_variance),
}

json.dump(
    {
        "source": "Keras, TensorFlow backend",
        "version": f"keras {keras.__version__}, tensorflow {tf.__version__}",
        "tolerance": {"forward": 1e-6, "gradientRelative": 1e-4},
        "lstm": lstm,
        "conv1d": conv,
        "adam": adam,
        "batchNorm": norm,
    },
    sys.stdout,
)
