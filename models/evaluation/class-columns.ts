/** Probabilities of models that know different classes, side by side. */

/**
 * Puts each column where its class stands in another list; the classes that a model does not know get 0.
 *
 * @param probabilities [N, K of `from`]
 * @param to classes, those of `from` among them
 * @returns [N, K of `to`]
 */
export function alignClasses(
  probabilities: Float32Array,
  from: readonly string[],
  to: readonly string[],
): Float32Array {
  const places = new Map(to.map((name, k) => [name, k]));
  const columns = from.map((name) => places.get(name) ?? 0);
  const n = probabilities.length / from.length;
  const aligned = new Float32Array(n * to.length);
  for (let i = 0; i < n; i++) {
    columns.forEach((column, k) => {
      aligned[i * to.length + column] = probabilities[i * from.length + k] ?? 0;
    });
  }
  return aligned;
}
