import { expect, test } from 'vitest';
import { newNames, trainedNames } from '../../../activities/jobs/count-names.js';
import type { TrainedModel } from '../../../models/model.js';
import {
  aFlow,
  aHome,
  deriveFeatures,
  flowCsv,
  ingest,
} from '../../feature-store/store-builders.js';

/** Is unsure of flows whose logarithm of bytes is above 9. */
const model: TrainedModel = {
  ...{ kind: 'xgboost', classes: ['mail', 'video'], featureNames: [] },
  predict: ({ n, tabular, featureNames }) => {
    const bytes = featureNames.indexOf('log1p_bytes');
    return Float32Array.from({ length: 2 * n }, (_, at) => {
      const unsure = (tabular[Math.floor(at / 2) * featureNames.length + bytes] ?? 0) > 9;
      return at % 2 === 1 ? (unsure ? 0.6 : 1) : unsure ? 0.4 : 0;
    });
  },
  reject: { score: 'maxProbability', threshold: 0.9, perClass: {} },
  save: () => Promise.resolve(),
  dispose: () => undefined,
};

test('flows of new names are counted by network and answer, those of known names are not', async () => {
  const home = await aHome();
  const flow = (day: string, values: Record<string, string | number>) =>
    aFlow({ TIME_FIRST: `2022-${day}T10:00:00`, DST_ASN: 1, ...values });
  const flows = [
    flow('06-06', { TLS_SNI: 'www.known.org' }),
    flow('06-13', { TLS_SNI: 'api.known.org', BYTES: 50_000 }),
    flow('06-13', { TLS_SNI: 'a.new.org', BYTES: 50_000, DST_ASN: 7 }),
    flow('06-13', { TLS_SNI: 'b.new.org', BYTES: 60_000, DST_ASN: 7 }),
    flow('06-13', { TLS_SNI: 'b.new.org', BYTES: 10, DST_ASN: 7 }),
    flow('06-13', { TLS_SNI: '', DST_ASN: 8 }),
    flow('06-13', { TLS_SNI: 'moved.org' }),
  ];
  await ingest(home, await home.file('weeks.csv', flowCsv(flows)));
  await deriveFeatures(home);
  const known = await trainedNames(home, ['2022-W23']);
  expect(known).toEqual({ names: ['known.org'], asns: [1] });
  const { names, rejected } = await newNames(home, { model, known }, '2022-W24');
  expect(rejected).toBe(3);
  expect(names).toMatchObject({ week: '2022-W24', weekFlows: 6 });
  expect(new Set(names.counts)).toEqual(
    new Set([
      {
        ...{ domain: 'new.org', asn: 7, newNetwork: true },
        ...{ predicted: 'video', flows: 3, rejected: 2 },
      },
      {
        ...{ domain: 'no name, AS8', asn: 8, newNetwork: true },
        ...{ predicted: 'video', flows: 1, rejected: 0 },
      },
      {
        ...{ domain: 'moved.org', asn: 1, newNetwork: false },
        ...{ predicted: 'video', flows: 1, rejected: 0 },
      },
    ]),
  );
});
