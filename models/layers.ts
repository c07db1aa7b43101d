/**
 * The layers that neural networks are made of. A network is written once; whatever computes layers computes
 * it: TensorFlow, or the ONNX file that others run.
 *
 * N flows, T packets, C channels, U units.
 */

/** Inputs of a network, scaled. */
export interface NetworkInputs<Value> {
  /** [N, T, 3], 0 where there is no packet. */
  readonly ppi: Value;
  /** [N, T, 1]: 1 where there is a packet. */
  readonly mask: Value;
  /** [N, F]; not to be used when F is 0. */
  readonly tabular: Value;
}

/** Layers with the semantics of Keras's. A layer with weights has a name, and its weights are `NAME/PART`. */
export interface Layers<Value> {
  /** x w + b: [N, I] -> [N, U]. Weights `kernel` [I, U] and, unless it is left out, `bias` [U]. */
  dense(name: string, x: Value, units: number, bias?: boolean): Value;
  /** Stride 1: [N, T, I] -> [N, T, C], or [N, T - width + 1, C] without padding. Weights `kernel` [width, I, C] and `bias` [C]. */
  convolution(name: string, x: Value, size: ConvolutionSize, bias?: boolean): Value;
  /**
   * Normalises each channel: in training by mean and variance of the batch, which move the moving ones;
   * else by these. Weights `scale`, `offset`, `movingMean`, `movingVariance`, [C] each.
   */
  batchNorm(name: string, x: Value): Value;
  relu(x: Value): Value;
  /** [N, T, C] with 0 where there is no packet. */
  masked(x: Value, mask: Value): Value;
  /** The largest value of each channel: [N, T, C], not negative -> [N, C]. */
  maxPool(x: Value): Value;
  /** The mean over the packets present, 0 for a flow without: [N, T, C], 0 where there is none -> [N, C]. */
  averagePool(x: Value, mask: Value): Value;
  /** The state after the last packet present, 0 for a flow without: [N, T, I] -> [N, U]. Weights `kernel` [I, 4U], `recurrent` [U, 4U], `bias` [4U], gates i, f, c, o. */
  lstm(name: string, x: Value, mask: Value, units: number): Value;
  /** [N, T, C] -> [N, T C]. */
  flatten(x: Value): Value;
  /** [N, ...] beside each other. */
  concat(parts: readonly Value[]): Value;
  /** In training zeroes a share of the units and scales the rest by 1 / (1 - rate). */
  dropout(x: Value, rate: number): Value;
}

/** Size of a convolution; its width, in packets, is odd. */
export interface ConvolutionSize {
  readonly channels: number;
  readonly width: number;
  /** `same` keeps T, `valid` pads nothing. @default 'same' */
  readonly padding?: 'same' | 'valid';
}

/** Raw scores [N, K] of the inputs. */
export type NetworkLayers = <Value>(layers: Layers<Value>, inputs: NetworkInputs<Value>) => Value;

/** Added to the variance in batch normalisation. */
export const BATCH_NORM_EPSILON = 1e-3;
