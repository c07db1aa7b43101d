/** Weights that let a rare class count as much as a frequent one. N rows, K classes. */

/** Largest weight of a class before normalisation: beyond it XGBoost's `min_child_weight`, which acts on weighted Hessians, lets single rows make leaves. */
const CLASS_WEIGHT_CAP = 20;

/**
 * Weight per class, w_c = min(cap, N / (K n_c)): scikit-learn's `balanced` when the cap is infinite.
 * A class without rows weighs 0.
 *
 * @param labels [N] class indices 0..K-1
 * @returns [K]
 */
export function balancedClassWeights(
  labels: Int32Array,
  classCount: number,
  cap = CLASS_WEIGHT_CAP,
): Float64Array {
  const counts = new Float64Array(classCount);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return counts.map((n) => (n === 0 ? 0 : Math.min(cap, labels.length / (classCount * n))));
}

/**
 * Weight per row: the capped class weights, scaled so that the mean over the rows is 1 (which keeps
 * learning rate and regularisation comparable with unweighted training).
 *
 * @param labels [N] class indices 0..K-1
 * @returns [N]
 */
export function rowWeights(
  labels: Int32Array,
  classCount: number,
  cap = CLASS_WEIGHT_CAP,
): Float32Array {
  const perClass = balancedClassWeights(labels, classCount, cap);
  let sum = 0;
  for (const label of labels) sum += perClass[label] ?? 0;
  const scale = sum === 0 ? 1 : labels.length / sum;
  return Float32Array.from(labels, (label) => (perClass[label] ?? 0) * scale);
}

/**
 * Weight of the second of two classes, n_0 / n_1 (`scale_pos_weight`), kept within 1 / cap and cap.
 *
 * @param labels [N] 0 or 1
 */
export function positiveWeight(labels: Int32Array, cap = CLASS_WEIGHT_CAP): number {
  const positive = labels.reduce((sum, label) => sum + label, 0);
  return Math.min(cap, Math.max(1 / cap, (labels.length - positive) / positive));
}
