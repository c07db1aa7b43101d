"""Places of rows in a random split: splitmix64 of key + seed * golden ratio, its upper 53 bits over 2^53.

The finaliser is that of Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (OOPSLA 2014).
Run: python3 test/golden/split-share.py > test/golden/split-share.json
"""
import json
import platform

MASK = 2**64 - 1


def share(key: int, seed: int) -> float:
    z = (key + seed * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return ((z ^ (z >> 31)) >> 11) / 2**53


KEYS = [0, 1, 2**31, 2**63, 2**64 - 1, 12345678901234567890]
cases = [
    {"key": str(key), "seed": seed, "share": share(key, seed)}
    for key in KEYS
    for seed in (0, 1, 7, 123456789, -3)
]
print(
    json.dumps(
        {
            "source": "Python integers, see split-share.py",
            "version": platform.python_version(),
            "tolerance": 0,
            "cases": cases,
        },
        indent=2,
    )
)
