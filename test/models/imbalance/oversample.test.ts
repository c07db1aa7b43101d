import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../contracts/seeded-random.js';
import { jitterFlows, smoteFlows } from '../../../models/imbalance/oversample.js';
import { interpolateRows, nearestRows } from '../../../models/imbalance/smote.js';
import { PPI_CHANNELS, PPI_PACKETS, PPI_WIDTH } from '../../../models/model.js';
import { expectClose, readGolden } from '../golden.js';
import { syntheticFlows } from '../synthetic-flows.js';

interface Golden {
  readonly tolerance: number;
  readonly cases: {
    readonly name: string;
    readonly columns: number;
    readonly neighbours: number;
    readonly values: number[];
    readonly places: number[];
    readonly steps: number[];
    readonly made: number[];
  }[];
}

const golden = readGolden<Golden>('smote');

test.each(golden.cases)('rows of imbalanced-learn from its draws: $name', (want) => {
  const rows = {
    n: want.values.length / want.columns,
    values: Float64Array.from(want.values),
    columns: want.columns,
  };
  const nearest = nearestRows(rows, want.neighbours);
  expectClose(interpolateRows(rows, nearest, want), want.made, golden.tolerance);
});

const K = 6;
const train = syntheticFlows({ n: 300, classes: K, features: 4, seed: 3 });
train.flows.tabular.forEach((x, at, all) => (all[at] = Number.isNaN(x) ? 0 : x));
const counts = countsOf(train.labels);
const rowsPerClass = 60;

describe.each([
  { name: 'SMOTE', oversample: smoteFlows },
  { name: 'jitter', oversample: jitterFlows },
])('$name', ({ oversample }) => {
  const more = () =>
    oversample({ train, classCount: K, rowsPerClass, random: seededRandom(5, 'more') });

  test('fills rare classes up and leaves the others and every given flow as they are', () => {
    const { flows, labels } = more();
    expect(Math.min(...counts)).toBeLessThan(rowsPerClass);
    expect(countsOf(labels)).toEqual(counts.map((n) => Math.max(n, rowsPerClass)));
    expect(flows.n).toBe(labels.length);
    expect(flows.ppi.subarray(0, train.flows.ppi.length)).toEqual(train.flows.ppi);
    expect(flows.tabular.subarray(0, train.flows.tabular.length)).toEqual(train.flows.tabular);
  });

  test('makes the same flows from the same seed', () => {
    expect(more()).toEqual(more());
  });

  test('leaves directions and the padding of packets alone', () => {
    const { flows } = more();
    for (let i = train.flows.n; i < flows.n; i++) {
      for (let t = 0; t < PPI_PACKETS; t++) {
        const at = i * PPI_WIDTH + t * PPI_CHANNELS;
        const [size = 0, direction = 0, gap = 0] = flows.ppi.subarray(at, at + PPI_CHANNELS);
        if (t < (flows.lengths[i] ?? 0)) expect(Math.abs(direction)).toBe(1);
        else expect([size, direction, gap]).toEqual([0, 0, 0]);
      }
    }
  });
});

test('SMOTE interpolates numbers within the range of a class, and never a flag', () => {
  const flagged = structuredClone(train);
  for (let i = 0; i < train.flows.n; i++) flagged.flows.tabular[i * 4 + 2] = i % 2;
  const { flows, labels } = smoteFlows({
    ...{ train: flagged, classCount: K, rowsPerClass, random: seededRandom(5) },
  });
  let between = 0;
  for (let i = train.flows.n; i < flows.n; i++) {
    const [number = 0, , flag = NaN] = flows.tabular.subarray(i * 4, i * 4 + 4);
    expect([0, 1]).toContain(flag);
    const own = [...flagged.labels].flatMap((label, row) =>
      label === labels[i] ? [flagged.flows.tabular[row * 4] ?? 0] : [],
    );
    expect(number).toBeGreaterThanOrEqual(Math.min(...own));
    expect(number).toBeLessThanOrEqual(Math.max(...own));
    if (!own.includes(number)) between++;
  }
  expect(between).toBeGreaterThan(0);
});

function countsOf(labels: Int32Array): number[] {
  return Array.from({ length: K }, (_, k) => labels.filter((label) => label === k).length);
}
