/** A trained network as an ONNX file, for onnxruntime and `mlflow.pyfunc`. */
import type { NetworkLayers } from '../layers.js';
import { OnnxGraph } from '../onnx/graph.js';
import { scaledInputs } from '../onnx/inputs.js';
import { OnnxLayers, type Weights } from '../onnx/layers.js';
import { PPI_WIDTH } from '../model.js';
import type { NetworkDescription } from './network-model.js';

/** Name of the file in a model folder. */
export const ONNX_FILE = 'model.onnx';

/**
 * The bytes of `model.onnx`: input `features` float32 [N, 90 + F], the columns that boosters read, raw
 * (packets laid flat, then `featureNames`); output `probabilities` [N, K]. The scaling is in the graph.
 */
export function onnxBytes(
  layers: NetworkLayers,
  weights: ReadonlyMap<string, Weights>,
  { classes, featureNames, scaling }: NetworkDescription,
): Uint8Array {
  const graph = new OnnxGraph();
  const input = { name: 'features', width: PPI_WIDTH + featureNames.length };
  const inputs = scaledInputs(graph, input.name, scaling);
  const logits = layers(new OnnxLayers(graph, weights), inputs);
  const value = graph.node('Softmax', [logits], { axis: { i: 1 } });
  return graph.encode({
    input,
    output: { name: 'probabilities', value, width: classes.length },
    metadata: { classes: JSON.stringify(classes), featureNames: JSON.stringify(featureNames) },
  });
}
