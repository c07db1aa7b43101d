"""Reference values of the traffic generator: Easter by dateutil, shares and decimals by numpy and Python.

Run with Python 3.11, python-dateutil 2.9.0 and numpy:
    python test/golden/generator.py > test/golden/generator.json
"""

import json
from datetime import date
from importlib.metadata import version

import numpy as np
from dateutil.easter import easter

ranks = np.arange(180)
balanced = (ranks + 60.0) ** -3
zipf = (ranks + 1.0) ** -1.1
random = np.random.default_rng(7)
units = [0, 1, 10, 999_999, 1_000_000, 300_000_000, *map(int, random.integers(0, 10**10, 200))]

print(
    json.dumps(
        {
            "source": "dateutil.easter; numpy; repr(float)",
            "version": f"python-dateutil {version('python-dateutil')}, numpy {np.__version__}",
            "tolerance": 1e-12,
            "easter": {
                str(year): (easter(year) - date(1970, 1, 1)).days for year in range(1970, 2200)
            },
            "balanced": list(balanced / balanced.sum()),
            "zipf": list(zipf / zipf.sum()),
            "decimals": [[unit, np.format_float_positional(unit / 1e6, trim="-")] for unit in units],
        },
        indent=1,
    )
)
