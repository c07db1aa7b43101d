"""Tunnel features of random flows by numpy and scipy; every formula is written a second time, another way."""
import itertools, json, pathlib
import numpy as np, scipy
from scipy.stats import kurtosis, skew

rng = np.random.default_rng(11)

def share(mask):
    mask = np.asarray(mask, dtype=float)
    return float(mask.mean()) if mask.size else 0.0

def moments(prefix, v):
    spread = v.size and v.std() > 0
    return {f'{prefix}_mean': v.mean() if v.size else 0, f'{prefix}_sd': v.std() if v.size else 0,
            f'{prefix}_skewness': skew(v) if spread else 0, f'{prefix}_kurtosis': kurtosis(v, fisher=False) if spread else 0}

def features(x, s, ipt):
    x, s, d = np.asarray(x, float), np.asarray(s), np.asarray(ipt[1:], float)
    distinct = np.unique(x)
    turns = d[np.diff(s) != 0]
    m, sd = (d.mean(), d.std()) if d.size else (0, 0)
    spread = np.ptp(d) if d.size else 0
    return {
        **moments('size', x), **moments('ipt', d),
        'size_switching_ratio': 2 * share(np.diff(x) != 0),
        'ipt_burstiness': (sd - m) / (sd + m) if sd + m > 0 else 0,
        'ipt_time_distribution': 2 * np.abs(d - m).mean() / spread if spread > 0 else 0,
        'packets': x.size, 'size_max': x.max(initial=0), 'size_max_share': share(x == x.max(initial=0)),
        'size_distinct_share': distinct.size / x.size if x.size else 0,
        'size_block_share': np.bincount(distinct.astype(int) % 16, minlength=16).max() / distinct.size if x.size else 0,
        'size_small_share': share(x <= 150),
        'size_mean_up': x[s == 1].mean() if (s == 1).any() else 0,
        'size_mean_down': x[s == -1].mean() if (s == -1).any() else 0,
        'direction_down_share': share(s == -1),
        'direction_change_share': share(np.diff(s) != 0),
        'direction_longest_run_share': max((len(list(run)) for _, run in itertools.groupby(s)), default=0) / max(1, x.size),
        'ipt_instant_share': share(d < 1), 'ipt_pause_share': share(d >= 1000),
        'ipt_reply_median': np.median(turns) if turns.size else 0,
    }

def flow(length, block):
    size = 40 + 16 * rng.integers(0, 80, length) if block else rng.integers(1, 1461, length)
    return [int(v) for v in size], [int(v) for v in rng.choice([-1, 1], length)], [0] * min(1, length) + [int(v) for v in rng.exponential(400, max(0, length - 1)) * rng.integers(0, 2, max(0, length - 1))]

flows = [flow(length, block) for length in (0, 1, 2, 3, 8, 17, 30, 30) for block in (False, True)]
flows += [([100, 100, 100], [1, 1, 1], [0, 5, 5]), ([148, 92, 32, 112], [1, -1, 1, 1], [0, 24, 0, 2])]
out = {'source': 'numpy and scipy.stats', 'version': {'numpy': np.__version__, 'scipy': scipy.__version__}, 'tolerance': 1e-9,
       'flows': [{'sizesBytes': x, 'directions': s, 'iptMs': d, 'want': {k: float(v) for k, v in features(x, s, d).items()}} for x, s, d in flows]}
pathlib.Path(__file__).with_suffix('.json').write_text(json.dumps(out) + '\n')
