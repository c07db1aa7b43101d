import { expect, test } from 'vitest';
import { columnNames } from '../../../models/column-names.js';
import { everyNth, matrixRows, streamOf } from '../../../models/boosting/matrix-rows.js';
import { syntheticFlows } from '../synthetic-flows.js';

test('rows are the packets laid flat and then the features, or the features alone', () => {
  const { flows } = syntheticFlows({ n: 3, classes: 2, features: 4 });
  const [both = new Float32Array()] = matrixRows(streamOf(flows), true);
  const [features = new Float32Array()] = matrixRows(streamOf(flows), false);
  expect(columnNames(flows.featureNames, true)).toHaveLength(94);
  expect(both.subarray(94, 184)).toEqual(flows.ppi.subarray(90, 180));
  expect(both.subarray(184, 188)).toEqual(flows.tabular.subarray(4, 8));
  expect(features).toEqual(flows.tabular);
});

test('batches hold all rows in order, whatever the parts', () => {
  const { flows } = syntheticFlows({ n: 8_500, classes: 2, features: 1 });
  const values = [...matrixRows(streamOf(flows), false)].flatMap((batch) => [...batch]);
  expect(values).toEqual([...flows.tabular]);
});

test.each([1, 2, 3, 5, 20])('every row of %i is kept, across batches of any size', (step) => {
  const all = Array.from({ length: 16 }, (_, i) => i);
  const rows = {
    ...{ rows: 16, columnNames: ['a', 'b'], labels: Int32Array.from(all) },
    weights: Float32Array.from(all),
    batches: () =>
      [
        [0, 5],
        [5, 8],
        [8, 9],
        [9, 16],
      ].map(([start, end]) =>
        Float32Array.from(all.slice(start, end).flatMap((row) => [row, -row])),
      ),
  };
  const kept = everyNth(rows, step);
  const wanted = all.filter((row) => row % step === 0);
  expect([...kept.batches()].flatMap((batch) => [...batch])).toEqual(
    wanted.flatMap((row) => [row, -row]),
  );
  expect([...kept.labels]).toEqual(wanted);
  expect([...(kept.weights ?? [])]).toEqual(wanted);
  expect(kept.rows).toBe(wanted.length);
});
