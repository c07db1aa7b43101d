"""Hashing, target encoding and scaling of scikit-learn; moments of scipy, the rest of NetTiSA's formulas in numpy."""
import json, pathlib
import numpy as np, scipy, sklearn
from scipy.stats import kurtosis, skew
from sklearn.feature_extraction import FeatureHasher
from sklearn.model_selection import KFold
from sklearn.preprocessing import RobustScaler, StandardScaler, TargetEncoder

rng = np.random.default_rng(7)

texts = ['a', 'b', 'a', 'google', 'www.google.com']
many = [f'SNI=host-{i}.example.org' for i in range(300)] + ['SNI=příklad.cz']
hashing = [{'texts': t, 'buckets': b, 'want': FeatureHasher(b, input_type='string').transform([t]).toarray()[0].tolist()}
           for t, b in ((texts, 16), (many, 64))]

def target_case(x, y, smooth, folds=None):
    x = np.asarray(x, dtype=object).reshape(-1, 1)
    y = np.asarray(y)
    K = len(np.unique(y))
    kind = 'binary' if K == 2 else 'multiclass'
    full = TargetEncoder(smooth=smooth, target_type=kind).fit(x, y)
    case = {'x': x[:, 0].tolist(), 'y': [int(v) for v in y], 'classes': K, 'smooth': smooth,
            'categories': sorted(set(x[:, 0])) + ['unseen'],
            'full': full.transform(np.asarray(sorted(set(x[:, 0])) + ['unseen'], dtype=object).reshape(-1, 1)).tolist()}
    if folds:
        out = np.zeros((len(y), 1 if K == 2 else K))
        ids = np.zeros(len(y), dtype=int)
        for f, (train, rest) in enumerate(KFold(folds, shuffle=True, random_state=3).split(x)):
            out[rest] = TargetEncoder(smooth=smooth, target_type=kind).fit(x[train], y[train]).transform(x[rest])
            ids[rest] = f
        case |= {'fold': ids.tolist(), 'outOfFold': out.tolist()}
        # the library's own cross-fit, with its folds exported
        splits = KFold(folds, shuffle=True, random_state=3)
        own = TargetEncoder(smooth=smooth, target_type=kind, cv=splits) if sklearn.__version__ >= '1.9' else None
        if own is not None:
            np.testing.assert_allclose(own.fit_transform(x, y), out, rtol=0, atol=1e-12)
    return case

names = rng.choice([f'host-{i}.org' for i in range(25)], 400)
labels = (rng.integers(0, 4, 400) + (names == 'host-3.org') * 0) % 4
labels[names == 'host-3.org'] = 2
targets = [target_case(list('aaaabbbc'), [1, 0, 1, 1, 0, 0, 1, 1], s) for s in ('auto', 10.0)] + [
    target_case(names, labels, s, 5) for s in ('auto', 20.0)] + [
    target_case(names, (labels > 1).astype(int), 'auto', 5)]

columns = [rng.normal(5, 2, 101), rng.lognormal(3, 2, 100), np.full(50, 0.1), np.r_[np.zeros(90), np.arange(10)], np.array([4.0])]
scaling = []
for c in columns:
    s, r = StandardScaler().fit(c[:, None]), RobustScaler().fit(c[:, None])
    q = np.percentile(c, (25, 50, 75))
    scaling.append({'values': c.tolist(), 'rows': len(c), 'mean': float(c.mean()), 'variance': float(c.var()), 'quartiles': q.tolist(),
                    'standard': [float(s.mean_[0]), float(s.scale_[0])], 'robust': [float(r.center_[0]), float(r.scale_[0])]})

def statistics(sizes, ipt):
    x, d = np.array(sizes, dtype=float), np.array(ipt[1:], dtype=float)
    shape = lambda v, f: float(f(v)) if len(v) and v.std() > 0 else 0.0
    spread = d.max() - d.min() if len(d) else 0
    return {
        'size_mean': float(x.mean()), 'size_sd': float(x.std()),
        'size_skewness': shape(x, skew), 'size_kurtosis': shape(x, lambda v: kurtosis(v, fisher=False)),
        'size_switching_ratio': float((np.diff(x) != 0).sum() / (0.5 * (len(x) - 1))) if len(x) > 1 else 0.0,
        'ipt_mean': float(d.mean()) if len(d) else 0.0, 'ipt_sd': float(d.std()) if len(d) else 0.0,
        'ipt_skewness': shape(d, skew), 'ipt_kurtosis': shape(d, lambda v: kurtosis(v, fisher=False)),
        'ipt_burstiness': float((d.std() - d.mean()) / (d.std() + d.mean())) if len(d) and d.std() + d.mean() else 0.0,
        'ipt_time_distribution': float(np.abs(d - d.mean()).mean() / (0.5 * spread)) if spread else 0.0,
    }

flows = [([517], [0]), ([517, 1460], [0, 30]), ([100, 100, 100], [0, 5, 5]), ([1460, 1460, 80, 80], [0, 0, 0, 0])]
flows += [(rng.integers(1, 1461, n).tolist(), [0] + rng.integers(0, 300_000, n - 1).tolist()) for n in (3, 7, 19, 30, 30)]
packets = [{'sizes': s, 'ipt': i, 'want': statistics(s, i)} for s, i in flows]

out = pathlib.Path(__file__).with_suffix('.json')
out.write_text(json.dumps({
    'source': 'sklearn FeatureHasher, TargetEncoder, StandardScaler, RobustScaler; scipy.stats skew, kurtosis',
    'version': f'scikit-learn {sklearn.__version__}, scipy {scipy.__version__}', 'tolerance': 1e-12,
    'hashing': hashing, 'targets': targets, 'scaling': scaling, 'packets': packets,
}, ensure_ascii=False) + '\n')
