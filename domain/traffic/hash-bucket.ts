/** Strings to buckets as scikit-learn's FeatureHasher does it. */
import murmurhash from 'murmurhash';

/**
 * MurmurHash3_x86_32 of the UTF-8 bytes with seed 0, as a signed 32-bit integer.
 *
 * @see test/golden/murmur3.json (Python mmh3)
 */
export function murmur3(text: string): number {
  return murmurhash.v3(text, 0) | 0;
}

/**
 * The column that FeatureHasher gives a string: |h| mod `buckets`.
 *
 * @param text `key=value`, as FeatureHasher hashes string values
 * @returns 0 to buckets - 1
 */
export function hashBucket(text: string, buckets: number): number {
  // |-2^31| is no 32-bit integer: scikit-learn takes (2^31 - 1 - (buckets - 1)) mod buckets, the same residue
  return Math.abs(murmur3(text)) % buckets;
}

/**
 * The sign that FeatureHasher gives a string, so that strings in one bucket cancel out rather than add up.
 *
 * @returns 1 or -1
 */
export function hashSign(text: string): 1 | -1 {
  return murmur3(text) < 0 ? -1 : 1;
}
