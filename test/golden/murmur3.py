"""MurmurHash3_x86_32 (signed, seed 0) and FeatureHasher columns, from scikit-learn."""
import json, pathlib
import sklearn
from sklearn.feature_extraction import FeatureHasher
from sklearn.utils import murmurhash3_32

texts = ['', 'a', 'ab', 'abc', 'google', 'www.google.com', 'SNI=play.googleapis.com', 'JA3=', 'SNI=UNKNOWN',
         'SNI=příklad.cz', 'JA3=6f5e62edfa5933b1332ddf8b9fb3ef9d'] + [f'SNI=host-{i}.example.org' for i in range(200)]

def column(text, buckets):
    key, value = text.split('=', 1)
    return int(FeatureHasher(n_features=buckets, alternate_sign=False).transform([{key: value}]).indices[0])

out = pathlib.Path(__file__).with_suffix('.json')
out.write_text(json.dumps({
    'source': 'sklearn.utils.murmurhash3_32 and sklearn.feature_extraction.FeatureHasher', 'version': sklearn.__version__,
    'tolerance': 0,
    'cases': [{'text': t, 'hash': int(murmurhash3_32(t, seed=0)), **({'bucket4096': column(t, 4096)} if '=' in t else {})} for t in texts],
}, ensure_ascii=False) + '\n')
