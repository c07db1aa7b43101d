"""Declarations of libxgboost's C API, from the header in the PyPI source distribution of xgboost.

python xgboost-c-api.py cpp_src/include/xgboost/c_api.h VERSION > xgboost-c-api.json
"""

import json
import re
import sys

HANDLES = {"DMatrixHandle": "void *", "BoosterHandle": "void *"}


def canonical(parameter: str) -> str:
    """`bst_ulong const **out_shape` -> `uint64_t**`: no const, no name, handles as void*."""
    parameter = re.sub(r"\bconst\b", " ", parameter)
    for handle, meaning in HANDLES.items():
        parameter = parameter.replace(handle, meaning)
    parameter = parameter.replace("bst_ulong", "uint64_t")
    arrays = parameter.count("[]")
    words = re.findall(r"\w+", parameter)
    stars = parameter.count("*") + arrays
    return words[0] + "*" * stars


header = re.sub(r"/\*.*?\*/|//[^\n]*", "", open(sys.argv[1]).read(), flags=re.S)
functions = {}
for returns, name, parameters in re.findall(r"XGB_DLL\s+([\w\s*]+?)(XG\w+)\s*\(([^)]*)\)\s*;", header):
    kinds = [canonical(p) for p in parameters.split(",") if p.strip() not in ("", "void")]
    functions[name] = [canonical(returns), *kinds]
json.dump(
    {
        "source": "include/xgboost/c_api.h of the source distribution",
        "version": sys.argv[2],
        "tolerance": 0,
        "functions": dict(sorted(functions.items())),
    },
    sys.stdout,
    indent=1,
)
