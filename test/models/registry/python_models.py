"""What Python says of registered models: a list of requests on stdin, their answers on stdout, both JSON.

A request is {"name", "flavour", "columns", "rows"}: the model's champion is loaded by its flavour's package and as
a Python function, and asked about these rows.
"""

import json
import sys
import warnings

import mlflow
import numpy as np
import pandas as pd

warnings.simplefilter("ignore")


def answer(request):
    uri = f"models:/{request['name']}@champion"
    frame = pd.DataFrame(np.array(request["rows"], dtype=np.float32), columns=request["columns"])
    function = mlflow.pyfunc.load_model(uri)
    columns = function.metadata.metadata["columns"]
    shuffled = frame[frame.columns[::-1]]
    flavour, said = ASK[request["flavour"]](uri, function, frame, shuffled, columns)
    return {
        "flavour": np.asarray(flavour, dtype=np.float64).ravel().tolist(),
        "function": np.asarray(said, dtype=np.float64).ravel().tolist(),
        "columns": columns,
        "classes": function.metadata.metadata["classes"],
        "created": function.metadata.utc_time_created,
    }


def ask_xgboost(uri, function, frame, shuffled, columns):
    import mlflow.xgboost

    assert function.metadata.get_input_schema().input_names() == columns
    # the signature puts another order right
    return mlflow.xgboost.load_model(uri).inplace_predict(frame), function.predict(shuffled)


def ask_lightgbm(uri, function, frame, shuffled, columns):
    import mlflow.lightgbm

    assert function.metadata.get_input_schema().input_names() == columns
    return mlflow.lightgbm.load_model(uri).predict(frame), function.predict(shuffled)


def ask_onnx(uri, function, frame, shuffled, columns):
    import mlflow.onnx
    import onnxruntime

    model = mlflow.onnx.load_model(uri)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    [flavour] = session.run(["probabilities"], {"features": frame.to_numpy()})
    said = function.predict(shuffled[columns].to_numpy(np.float32))["probabilities"]
    assert (function.predict(shuffled[columns])["probabilities"] == said).all()
    return flavour, said


ASK = {"xgboost": ask_xgboost, "lightgbm": ask_lightgbm, "onnx": ask_onnx}

mlflow.set_tracking_uri(sys.argv[1])
json.dump([answer(request) for request in json.load(sys.stdin)], sys.stdout)
