"""What Python says of registered models: a list of requests on stdin, their answers on stdout, both JSON.

A request is {"name", "flavour", "columns", "rows"}: the model's champion is loaded by its flavour's package and as
a Python function, and asked about a frame with these columns.
"""

import json
import sys
import warnings

import mlflow
import mlflow.lightgbm
import mlflow.xgboost
import numpy as np
import pandas as pd

warnings.simplefilter("ignore")


def answer(request):
    uri = f"models:/{request['name']}@champion"
    frame = pd.DataFrame(np.array(request["rows"], dtype=np.float32), columns=request["columns"])
    if request["flavour"] == "xgboost":
        flavour = mlflow.xgboost.load_model(uri).inplace_predict(frame)
    else:
        flavour = mlflow.lightgbm.load_model(uri).predict(frame)
    function = mlflow.pyfunc.load_model(uri)
    # another order of the columns: the signature puts them right
    said = function.predict(frame[frame.columns[::-1]])
    return {
        "flavour": np.asarray(flavour, dtype=np.float64).ravel().tolist(),
        "function": np.asarray(said, dtype=np.float64).ravel().tolist(),
        "inputs": function.metadata.get_input_schema().input_names(),
        "created": function.metadata.utc_time_created,
    }


mlflow.set_tracking_uri(sys.argv[1])
json.dump([answer(request) for request in json.load(sys.stdin)], sys.stdout)
