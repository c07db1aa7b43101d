"""FOLDER: checks FOLDER/model.onnx and runs it on features.f32 ([N, width] float32); writes probabilities.f32."""
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

folder = Path(sys.argv[1])
file = folder / 'model.onnx'
onnx.checker.check_model(str(file), full_check=True)
session = onnxruntime.InferenceSession(str(file), providers=['CPUExecutionProvider'])
width = session.get_inputs()[0].shape[1]
features = np.fromfile(folder / 'features.f32', dtype='<f4').reshape(-1, width)
[probabilities] = session.run(['probabilities'], {'features': features})
probabilities.astype('<f4').tofile(folder / 'probabilities.f32')
