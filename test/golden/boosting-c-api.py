"""Declarations of libxgboost's and lib_lightgbm's C APIs, from the headers in their PyPI source distributions.

python boosting-c-api.py xgboost-3.2.0 lightgbm-4.6.0 > boosting-c-api.json
"""

import json
import re
import sys
from pathlib import Path

HEADERS = {"xgboost": "cpp_src/include/xgboost/c_api.h", "lightgbm": "include/LightGBM/c_api.h"}
HANDLES = ["DMatrixHandle", "BoosterHandle", "DataIterHandle", "DatasetHandle"]
FUNCTION = re.compile(r"(?:XGB_DLL|LIGHTGBM_C_EXPORT)\s+([\w\s*]+?)((?:XG|LGBM_)\w+)\s*\(([^)]*)\)\s*;")


def canonical(parameter: str) -> str:
    """`bst_ulong const **out_shape` -> `uint64_t**`: no const, no name, handles as void*."""
    parameter = re.sub(r"\bconst\b", " ", parameter)
    for handle in HANDLES:
        parameter = parameter.replace(handle, "void *")
    parameter = parameter.replace("bst_ulong", "uint64_t")
    arrays = parameter.count("[]")
    words = re.findall(r"\w+", parameter)
    stars = parameter.count("*") + arrays
    return words[0] + "*" * stars


def functions(header: Path) -> dict:
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", header.read_text(), flags=re.S)
    found = {}
    for returns, name, parameters in FUNCTION.findall(text):
        kinds = [canonical(p) for p in parameters.split(",") if p.strip() not in ("", "void")]
        found[name] = [canonical(returns), *kinds]
    return dict(sorted(found.items()))


sources = [Path(argument) for argument in sys.argv[1:]]
libraries = {source.name.split("-")[0]: source for source in sources}
json.dump(
    {
        "source": "c_api.h of the source distributions",
        "version": ", ".join(source.name for source in sources),
        "tolerance": 0,
        "libraries": {
            name: {"version": source.name.split("-")[1], "functions": functions(source / HEADERS[name])}
            for name, source in libraries.items()
        },
    },
    sys.stdout,
    indent=1,
)
