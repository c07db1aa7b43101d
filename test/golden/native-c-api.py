"""Declarations of the C APIs that are called, from the headers of the Python packages.

python native-c-api.py xgboost-3.2.0 lightgbm-4.6.0 tensorflow_cpu-2.21.0 > native-c-api.json

xgboost and lightgbm are unpacked source distributions, tensorflow_cpu an unpacked wheel.
"""

import json
import re
import sys
from pathlib import Path

TENSORFLOW = "tensorflow/include/tensorflow/c"
HEADERS = {
    "xgboost": ["cpp_src/include/xgboost/c_api.h"],
    "lightgbm": ["include/LightGBM/c_api.h"],
    "tensorflow_cpu": [f"{TENSORFLOW}/c_api.h", f"{TENSORFLOW}/tf_tensor.h", f"{TENSORFLOW}/tf_status.h"],
}
HANDLES = ["DMatrixHandle", "BoosterHandle", "DataIterHandle", "DatasetHandle"]
ENUMERATIONS = ["TF_DataType", "TF_Code"]
FUNCTION = re.compile(
    r"(?:XGB_DLL|LIGHTGBM_C_EXPORT|TF_CAPI_EXPORT(?:\s+extern)?)\s+"
    r"([\w\s*]+?)((?:XG|LGBM_|TF_)\w+)\s*\(([^)]*)\)\s*;"
)


def canonical(parameter: str) -> str:
    """`bst_ulong const **out_shape` -> `uint64_t**`: no const, no name, handles as void*."""
    parameter = re.sub(r"\bconst\b", " ", parameter)
    for handle in HANDLES:
        parameter = parameter.replace(handle, "void *")
    parameter = parameter.replace("bst_ulong", "uint64_t").replace("unsigned char", "uint8_t")
    for name in ENUMERATIONS:
        parameter = parameter.replace(name, "int")
    parameter = re.sub(r"\bTF_(?!Output)\w+(?=\s*\*)", "void", parameter)  # handles are opaque
    arrays = parameter.count("[]")
    words = re.findall(r"\w+", parameter)
    stars = parameter.count("*") + arrays
    return words[0] + "*" * stars


def functions(headers: list) -> dict:
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", "".join(h.read_text() for h in headers), flags=re.S)
    found = {}
    for returns, name, parameters in FUNCTION.findall(text):
        kinds = [canonical(p) for p in parameters.split(",") if p.strip() not in ("", "void")]
        found[name] = [canonical(returns), *kinds]
    return dict(sorted(found.items()))


sources = [Path(argument) for argument in sys.argv[1:]]
libraries = {source.name.split("-")[0]: source for source in sources}
json.dump(
    {
        "source": "C headers of the packages",
        "version": ", ".join(source.name for source in sources),
        "tolerance": 0,
        "libraries": {
            name: {"version": source.name.split("-")[1], "functions": functions([source / file for file in HEADERS[name]])}
            for name, source in libraries.items()
        },
    },
    sys.stdout,
    indent=1,
)
