"""Peer of `sentinel bench drift`: river's ADWIN and scipy's distances on the same numbers.

A request is a line on stdin; the answer is a line on stdout, {"seconds": ...}. What was computed goes to the file
`out`, as 64-bit floats. Numbers are read from files of such floats, counts by name from JSON, before the clock starts.
{"what": "adwin", "inputs": [STREAM], "settings": {...}, "out": FILE}       places of the drifts
{"what": "kl", "inputs": [CURRENT, REFERENCE], "out": FILE}                 smoothed by 0.5, names matched
{"what": "ks" or "wasserstein", "inputs": [A, B], "out": FILE}              p-value; distance over the pooled deviation
"""
import json
import sys
import time
from functools import cache

import numpy as np
from river._river_rust.drift import AdaptiveWindowing
from scipy import stats
from scipy.special import rel_entr


@cache
def read(path, what):
    if what == 'kl':
        with open(path) as file:
            return json.load(file)
    values = np.fromfile(path)
    return values.tolist() if what == 'adwin' else values


def adwin(values, settings):
    """river.drift.ADWIN's own loop around its core: without the wrapper it is several times faster."""
    drifts = []
    window = AdaptiveWindowing(**settings)
    update = window.update
    for i, value in enumerate(values):
        if update(value):
            drifts.append(i)
            update = AdaptiveWindowing(**settings).update
    return drifts


def kl(current, reference):
    names = [*(current.keys() | reference.keys()), '__other__']
    q = np.array([current.get(name, 0) for name in names]) + 0.5
    p = np.array([reference.get(name, 0) for name in names]) + 0.5
    return [rel_entr(q / q.sum(), p / p.sum()).sum()]


def ks(a, b):
    return [stats.ks_2samp(a, b).pvalue]


def wasserstein(a, b):
    return [stats.wasserstein_distance(a, b) / stats.tstd(np.concatenate([a, b]))]


WORK = {'adwin': adwin, 'kl': kl, 'ks': ks, 'wasserstein': wasserstein}

for line in sys.stdin:
    request = json.loads(line)
    work = WORK[request['what']]
    inputs = [read(path, request['what']) for path in request['inputs']]
    settings = [request['settings']] if 'settings' in request else []
    started = time.perf_counter()
    result = work(*inputs, *settings)
    seconds = time.perf_counter() - started
    np.array(result, dtype='<f8').tofile(request['out'])
    print(json.dumps({'seconds': seconds}), flush=True)
