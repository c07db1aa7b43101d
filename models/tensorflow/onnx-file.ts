/** A trained network as an ONNX file, for onnxruntime and `mlflow.pyfunc`. */
import { OnnxGraph } from '../onnx/graph.js';
import { scaledInputs } from '../onnx/inputs.js';
import { PPI_WIDTH } from '../model.js';
import type { NetworkDescription } from './network-model.js';
import type { Network } from './network.js';

/** Name of the file in a model folder. */
export const ONNX_FILE = 'model.onnx';

/**
 * The bytes of `model.onnx`: input `features` float32 [N, 90 + F], the columns that boosters read, raw
 * (packets laid flat, then `featureNames`); output `probabilities` [N, K]. The scaling is in the graph.
 */
export function onnxBytes(network: Network, description: NetworkDescription): Uint8Array {
  const { classes, featureNames, scaling } = description;
  const graph = new OnnxGraph();
  const input = { name: 'features', width: PPI_WIDTH + featureNames.length };
  const logits = network.logitsNode(graph, scaledInputs(graph, input.name, scaling), (name) => {
    const variable = network.variables.get(name);
    if (variable === undefined) throw new TypeError(`the network has no weights ${name}`);
    return { shape: variable.shape, values: variable.dataSync<'float32'>() };
  });
  const value = graph.node('Softmax', [logits], { axis: { i: 1 } });
  return graph.encode({
    input,
    output: { name: 'probabilities', value, width: classes.length },
    metadata: { classes: JSON.stringify(classes), featureNames: JSON.stringify(featureNames) },
  });
}
