/** Four weeks of two applications that differ in size, and a model trained on the first. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fitEnsembleJob } from '../../../activities/jobs/fit-ensemble.js';
import type { JobContext } from '../../../activities/jobs/index.js';
import { judgeWindowJob, type WindowJudgement } from '../../../activities/jobs/judge-window.js';
import type { LocalModel } from '../../../activities/jobs/open-model.js';
import { trainModelJob } from '../../../activities/jobs/train-model.js';
import { homeLayout } from '../../../contracts/home.js';
import type { Preset, Split, Target } from '../../../contracts/schemas/values.js';
import { weekStart } from '../../../dag/partitions.js';
import { wholeWeeks } from '../../../domain/lifecycle/split-weeks.js';
import {
  aFlow,
  deriveFeatures,
  flowCsv,
  ingest,
  type StoreHome,
} from '../../feature-store/store-builders.js';
import smallPreset from '../../e2e/small.preset.json' with { type: 'json' };

/** Small trainings. */
export const preset: Preset = smallPreset;
const SPLIT: Split = {
  ...{ kind: 'weeks', rule: 'for this test', watch: ['2022-W26'], skippedClasses: [] },
  ...{ train: ['2022-W23'], validate: ['2022-W24'], test: ['2022-W25'] },
  selections: {
    train: wholeWeeks(['2022-W23']),
    validate: wholeWeeks(['2022-W24']),
    test: wholeWeeks(['2022-W25']),
  },
  features: { table: 'flow_features', version: 0 },
};
const MONDAYS = ['06-06', '06-13', '06-20', '06-27'];

/** 61 flows of a Monday. @param week from 0 */
export function flowsOfWeek(day: string, week: number): Record<string, string>[] {
  return Array.from({ length: 61 }, (_, i) =>
    aFlow({
      ID: i,
      TIME_FIRST: `2022-${day}T10:00:${String(i % 60).padStart(2, '0')}`,
      BYTES: i === 60 ? 77 : 1000 * (i % 2) + 10 * i + week,
      APP: `app-${i % 2}`,
    }),
  );
}

/** Four weeks of two applications that differ in size; the last flow of each week is the same in all. */
export async function fourWeeks(home: StoreHome, flowsOf = flowsOfWeek): Promise<Split> {
  await ingest(home, await home.file('weeks.csv', flowCsv(MONDAYS.flatMap(flowsOf))));
  await deriveFeatures(home);
  const weeks = MONDAYS.length;
  return { ...SPLIT, features: { ...SPLIT.features, version: weeks - 1 } };
}

/** What a job of a home may use. */
export async function contextOf(home: StoreHome): Promise<JobContext> {
  return {
    ...{ layout: homeLayout(home.root), setupDir: path.resolve('.cache/setup'), threads: 2 },
    stagingDir: await mkdtemp(path.join(home.root, 'job-')),
    checkpointDir: path.join(home.root, 'checkpoints'),
    ...{ progress: () => undefined, shouldStop: () => false },
  };
}

/** An XGBoost model of the split, in its folder. */
export async function aTrainedModel(
  home: StoreHome,
  split: Split,
  target: Target = 'APP',
): Promise<LocalModel> {
  const context = await contextOf(home);
  const model = { name: `${target.toLowerCase()}-xgboost`, target, kind: 'xgboost' } as const;
  const { transformer } = await trainModelJob({ model, split, preset }, context);
  const folder = path.join(context.stagingDir, 'model');
  return { name: model.name, version: '1', folder, transformer, members: [] };
}

/** An ensemble of that model which rejects whatever it takes for `app-1`. */
export async function anEnsemble(home: StoreHome, split: Split): Promise<LocalModel> {
  const model = await aTrainedModel(home, split);
  const members = [model, { ...model, name: 'again' }];
  const context = await contextOf(home);
  const name = 'app-ensemble';
  await fitEnsembleJob({ name, target: 'APP', members, split, preset }, context);
  const folder = path.join(context.stagingDir, 'model');
  const file = path.join(folder, 'model.json');
  const manifest = JSON.parse(await readFile(file, 'utf8')) as object; // written above
  const reject = { score: 'maxProbability', threshold: 0, perClass: { 'app-1': 1.1 } };
  await writeFile(file, JSON.stringify({ ...manifest, reject }));
  return { name, version: '1', folder, transformer: model.transformer, members };
}

/** What a model says of the last week, which is watched. */
export async function watchedBy(
  home: StoreHome,
  split: Split,
  serving: LocalModel,
): Promise<WindowJudgement> {
  const partition = '2022-W26';
  const startMs = weekStart(partition).getTime();
  const window = { partition, length: 'week', startMs, endMs: startMs + 7 * 86_400_000 } as const;
  const { version } = split.features;
  const request = { serving, others: [], split, version, window, preset };
  return judgeWindowJob(request, await contextOf(home));
}
