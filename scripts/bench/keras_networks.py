"""The networks of models/tensorflow/ in Keras: their inputs and their layers."""
import keras
import numpy as np
from keras import layers

T, C = 30, 3


def fit_scaling(tabular):
    """Mean and deviation of each column's signed log1p: [F] each."""
    logs = signed_log(tabular)
    return logs.mean(0), np.maximum(logs.std(0), 1e-6)


def scale(ppi, lengths, tabular, scaling):
    """As scaling.ts: size / 300, direction, log1p of the time; signed log1p, standardised, clipped."""
    mask = (np.arange(T) < lengths[:, None]).astype(np.float32)
    packets = np.stack([ppi[..., 0] / 300, ppi[..., 1], np.log1p(np.maximum(ppi[..., 2], 0))], -1)
    means, deviations = scaling
    standard = np.clip((signed_log(tabular) - means) / deviations, -5, 5)
    return [packets * mask[..., None], mask[..., None], standard.astype(np.float32)]


def signed_log(tabular):
    return np.sign(tabular) * np.log1p(np.abs(tabular))


def build(kind, classes, features, statistics=True):
    """Layer by layer as in models/tensorflow/KIND/network.ts, on the same three inputs.

    statistics: whether a CNN reads the tabular columns too.
    """
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
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x) if normal else x)

    x = ppi
    for channels, width in convolutions:
        layer = layers.Conv1D(channels, width, padding='same', use_bias=not normal)
        x = layers.Multiply()([activated(layer, x), mask])
    count = keras.ops.maximum(keras.ops.sum(mask, 1), 1)
    pooled = [keras.ops.max(x, 1), keras.ops.sum(x, 1) / count]
    parts = [*pooled, activated(layers.Dense(order, use_bias=not normal), layers.Flatten()(x))]
    if statistics:
        y = tabular
        for units in stats:
            y = activated(layers.Dense(units, use_bias=not normal), y)
        parts.append(y)
    z = layers.Dropout(0.1)(layers.Concatenate()(parts))
    z = layers.Dropout(0.1)(activated(layers.Dense(joint, use_bias=not normal), z))
    return keras.Model(inputs, layers.Dense(classes)(z))
