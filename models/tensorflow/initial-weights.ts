/** First weights of layers, as Keras draws them; row-major. */
import type { SeededRandom } from '../../contracts/seeded-random.js';
import { gaussian } from '../random.js';

/** The weights of a shape. */
export type InitialWeights = (shape: readonly number[], random: SeededRandom) => Float32Array;

/** The same value everywhere. */
export function filledWith(value: number): InitialWeights {
  return (shape) => new Float32Array(sizeOf(shape)).fill(value);
}

/** Glorot and Bengio 2010, uniform: Keras's default for kernels. The last two axes are in and out. */
export const glorotUniform: InitialWeights = (shape, random) => {
  const field = sizeOf(shape.slice(0, -2));
  const limit = Math.sqrt(6 / (field * ((shape.at(-2) ?? 1) + (shape.at(-1) ?? 1))));
  return Float32Array.from({ length: sizeOf(shape) }, () => limit * (2 * random.uniform() - 1));
};

/** Rows drawn from a Gaussian and made orthonormal (Gram-Schmidt): Keras's default for recurrent kernels. [rows <= columns]. */
export const orthogonalRows: InitialWeights = ([rows = 0, columns = 0], random) => {
  const basis: Float64Array[] = [];
  for (let r = 0; r < rows; r++) {
    const row = Float64Array.from({ length: columns }, () => gaussian(random));
    for (const earlier of basis) {
      const overlap = row.reduce((sum, value, i) => sum + value * (earlier[i] ?? 0), 0);
      for (let i = 0; i < columns; i++) row[i] = (row[i] ?? 0) - overlap * (earlier[i] ?? 0);
    }
    const norm = Math.hypot(...row);
    basis.push(row.map((value) => value / norm));
  }
  return Float32Array.from(basis.flatMap((row) => [...row]));
};

/** Biases of an LSTM: 1 for the second of its four gates, which forgets, else 0 (Jozefowicz et al. 2015). */
export const forgetBias: InitialWeights = ([gates = 0]) =>
  Float32Array.from({ length: gates }, (_, i) => (Math.floor(i / (gates / 4)) === 1 ? 1 : 0));

/** How many values a shape has. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
