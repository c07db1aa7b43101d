import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { hashBucket, murmur3 } from '../../../domain/traffic/hash-bucket.js';

const golden = JSON.parse(readFileSync('test/golden/murmur3.json', 'utf8')) as {
  cases: { text: string; hash: number; bucket4096?: number }[];
};

test('strings hash as in scikit-learn, and fall into the columns of its FeatureHasher', () => {
  for (const { text, hash, bucket4096 } of golden.cases) {
    expect(murmur3(text), text).toBe(hash);
    if (bucket4096 !== undefined) expect(hashBucket(text, 4096), text).toBe(bucket4096);
  }
});
