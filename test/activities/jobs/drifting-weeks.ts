/** Four generated weeks whose exporter changes in the last, and a model of the first. */
import path from 'node:path';
import { generateFlows } from '../../../activities/jobs/generate-flows.js';
import type { LocalModel } from '../../../activities/jobs/open-model.js';
import type { Split } from '../../../contracts/schemas/values.js';
import { wholeWeeks } from '../../../domain/lifecycle/split-weeks.js';
import { readSnapshot } from '../../../feature-store/delta/snapshot.js';
import {
  deriveFeatures,
  deriveTraffic,
  ingest,
  openHome,
} from '../../feature-store/store-builders.js';
import { aTrainedModel } from './four-weeks.js';

/** A home that the caller closes, the split of its model, and the model in its folder. */
export interface DriftingWeeks {
  readonly home: Awaited<ReturnType<typeof openHome>>;
  readonly split: Split;
  readonly serving: LocalModel;
}

/** 2022-W22 trains, W23 validates, W24 is alike, W25 comes from another exporter; 2,000 flows each, of 8 applications. */
export async function driftingWeeks(): Promise<DriftingWeeks> {
  const home = await openHome();
  const weeks = ['2022-W22', '2022-W23', '2022-W24', '2022-W25'];
  const outDir = path.join(home.root, 'raw');
  await generateFlows({
    ...{ outDir, weeks, seed: 5 },
    ...{ flowsPerWeek: 2_000, apps: 8, compression: 'none', events: ['exporter@2022-W25'] },
  });
  await ingest(home, outDir);
  await deriveFeatures(home);
  for (const week of weeks) await deriveTraffic(home, week);
  const features = await readSnapshot(path.join(home.tablesRoot, 'flow_features'));
  const split: Split = {
    ...{ kind: 'weeks', rule: 'for this test', watch: [], skippedClasses: [] },
    ...{ train: ['2022-W22'], validate: ['2022-W23'], test: [] },
    selections: {
      train: wholeWeeks(['2022-W22']),
      validate: wholeWeeks(['2022-W23']),
      test: wholeWeeks([]),
    },
    features: { table: 'flow_features', version: features?.version ?? 0 },
  };
  return { home, split, serving: await aTrainedModel(home, split) };
}
