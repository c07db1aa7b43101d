/** Draws for initial weights and shuffling; the stream itself is `contracts/seeded-random`. */
import type { SeededRandom } from '../contracts/seeded-random.js';

/** One draw of the standard normal distribution (Box-Muller, one of the pair). */
export function gaussian(random: SeededRandom): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.uniform()));
  return radius * Math.cos(2 * Math.PI * random.uniform());
}

/** The indices 0..n-1 in random order (Fisher-Yates). */
export function shuffledIndices(n: number, random: SeededRandom): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const kept = order[i] ?? 0;
    order[i] = order[j] ?? 0;
    order[j] = kept;
  }
  return order;
}
