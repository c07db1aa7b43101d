/**
 * A small seeded random generator: xoshiro128** 1.1, seeded through splitmix32.
 *
 * The pure layers may neither read the clock nor call `Math.random`; every stream is named by the
 * parts of its key, so that streams do not depend on the order in which they are used.
 *
 * @see Blackman and Vigna, "Scrambled linear pseudorandom number generators" (2018), https://prng.di.unimi.it/
 */

/** A deterministic stream of random numbers. */
export interface SeededRandom {
  /** The next integer in [0, 2^32). */
  nextUint32(): number;
  /** The next number in [0, 1), with 32 random bits. */
  uniform(): number;
  /** The next integer in [0, bound); bound is 1 .. 2^32. */
  below(bound: number): number;
}

/**
 * The stream named by a key. Equal keys give equal streams; the parts are told apart (`['a', 'b']` is not `['ab']`).
 *
 * @param key numbers and words, such as `[seed, 'drift', 12]`
 */
export function seededRandom(...key: readonly (string | number)[]): SeededRandom {
  const mix = splitmix32(hashKey(key));
  let a = mix();
  let b = mix();
  let c = mix();
  let d = mix() | 1; // the state must not be all zero

  function nextUint32(): number {
    const scrambled = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return scrambled;
  }

  function uniform(): number {
    return nextUint32() / 4294967296;
  }

  return {
    nextUint32,
    uniform,
    below: (bound) => Math.floor(uniform() * bound),
  };
}

/** FNV-1a over the JSON of the key: cheap, and only a start for splitmix32. */
function hashKey(key: readonly (string | number)[]): number {
  const text = JSON.stringify(key);
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}

function splitmix32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return z ^ (z >>> 15);
  };
}

function rotateLeft(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}
