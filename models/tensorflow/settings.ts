/** Settings of the neural networks' training. */

/** How to train; every field has a default per network. */
export interface NetworkSettings {
  /** Most epochs; the learning rate falls to 0 over them. */
  readonly epochs: number;
  readonly batchSize: number;
  /** Highest learning rate, reached after the first twentieth of the steps. */
  readonly learningRate: number;
  /** Training ends after this many epochs without a better validation macro-F1. */
  readonly patienceEpochs: number;
  /** Cap of the balanced class weights; 0 trains unweighted. */
  readonly classWeightCap: number;
  /** Share of units dropped in training, [0, 1). */
  readonly dropout: number;
}

/** State after an epoch. */
export interface Epoch {
  /** From 1. */
  readonly epoch: number;
  /** Mean weighted cross-entropy of the epoch's batches, as trained (with dropout). */
  readonly trainLoss: number;
  /** Mean cross-entropy over the validation rows, unweighted. */
  readonly validationLoss: number;
  readonly validationAccuracy: number;
  readonly validationMacroF1: number;
}

/**
 * Learning rate at a step: linear to the peak over the first twentieth, then half a cosine down to 0
 * (Loshchilov and Hutter 2017, without restarts).
 *
 * @param step from 0
 */
export function learningRateAt(step: number, steps: number, peak: number): number {
  const warm = Math.max(1, Math.floor(steps / 20));
  if (step < warm) return (peak * (step + 1)) / warm;
  return (peak / 2) * (1 + Math.cos((Math.PI * (step - warm)) / Math.max(1, steps - warm)));
}
