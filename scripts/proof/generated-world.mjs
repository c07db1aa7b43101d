import { join } from 'node:path';
import { generateFlows } from '../../dist/activities/jobs/generate-flows.js';
import { classesOf, withLabels } from '../../dist/activities/jobs/label-flows.js';
import { weekRange } from '../../dist/dag/partitions.js';
import { wholeWeeks } from '../../dist/domain/lifecycle/split-weeks.js';
import { commitDerived } from '../../dist/feature-store/derived.js';
import { FeatureDb } from '../../dist/feature-store/duckdb.js';
import { buildFeatures } from '../../dist/feature-store/features.js';
import { commitParsed } from '../../dist/feature-store/ingest/commit-parsed.js';
import { parseFlows } from '../../dist/feature-store/ingest/parse-flows.js';
import { readPart, readFlowSet } from '../../dist/feature-store/read-flows.js';
import { listSources } from '../../dist/feature-store/sources/list-sources.js';

/**
 * Generated weeks as tables, without a server. The caller closes `db`.
 *
 * @param {string} folder is filled
 * @param {{ seed: number, from: string, to: string, flowsPerWeek: number, apps?: number, events?: string[] }} world
 */
export async function generatedWorld(folder, { from, to, ...world }) {
  const weeks = weekRange(from, to);
  const outDir = join(folder, 'raw');
  const tablesRoot = join(folder, 'tables');
  await generateFlows({ ...world, outDir, weeks, compression: 'none' });
  const db = await FeatureDb.open({ threads: 2 });
  let staged = 0;
  const stagingDir = () => join(folder, 'staging', String(staged++));
  for (const source of (await listSources([outDir])).flows) {
    const parsed = await parseFlows({ source, db, stagingDir: stagingDir() });
    await commitParsed({ tablesRoot, parsed });
  }
  for (const week of weeks) {
    const derived = await buildFeatures({ db, tablesRoot, week, stagingDir: stagingDir() });
    await commitDerived({ tablesRoot, derived });
  }
  return { db, tablesRoot, weeks };
}

/**
 * Training rows, validation rows and their classes, as `train` reads them.
 *
 * @param {{ train: string[], validate: string[], without?: string[] }} split `without` names apps that are left out
 */
export async function trainingFlows({ db, tablesRoot }, { train, validate, without = [] }) {
  const selections = {
    train: wholeWeeks(train),
    validate: wholeWeeks(validate),
    test: wholeWeeks([]),
  };
  const source = { db, tablesRoot };
  const trainSet = await readPart(source, selections, 'train');
  const classes = classesOf(trainSet, 'APP', 8).classes.filter((name) => !without.includes(name));
  const validation = withLabels(await readPart(source, selections, 'validate'), 'APP', classes);
  return { classes, train: withLabels(trainSet, 'APP', classes), validation };
}

/** All flows of a week. */
export function weekFlows({ db, tablesRoot }, week) {
  return readFlowSet({ db, tablesRoot }, wholeWeeks([week]));
}
