/** Golden vectors made by a reference in another language, and how ours are compared with them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

const FOLDER = join(import.meta.dirname, '..', 'golden');

/** Numbers with their shape, as the reference wrote them. */
export interface GoldenTensor {
  readonly shape: number[];
  readonly values: number[];
}

/** Reads `test/golden/NAME.json`, whose shape is the business of the script beside it. */
export function readGolden<T>(name: string): T {
  return JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as T; // written by NAME.py
}

/** Little-endian float32 values from base64. */
export function floatsOf(base64: string): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.from(base64, 'base64')).buffer);
}

/** Fails with the index, both values and the largest difference. `relative` scales by the largest wanted value. */
export function expectClose(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tolerance: number,
  relative = false,
): void {
  expect(got.length).toBe(want.length);
  let index = -1;
  let largest = 0;
  let scale = relative ? 0 : 1;
  for (let i = 0; i < want.length; i++) {
    const difference = Math.abs((got[i] ?? NaN) - (want[i] ?? NaN));
    if (relative) scale = Math.max(scale, Math.abs(want[i] ?? 0));
    if (!(difference <= largest)) {
      largest = difference;
      index = i;
    }
  }
  const said = `index ${index}: got ${got[index]}, want ${want[index]}, difference ${largest}`;
  expect(largest <= tolerance * scale, said).toBe(true);
}
