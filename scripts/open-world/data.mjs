import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FeatureDb } from '../../dist/feature-store/duckdb.js';
import { selectFlows } from '../../dist/models/model.js';
import { generatedWorld, trainingFlows, weekFlows } from '../proof/generated-world.mjs';
import { drawUnknownApps } from './unknown-apps.mjs';

/** Labels of flows that the model does not know. */
export const NEAR = -1;
export const FAR = -2;

/** A generated world that stays in `folder`; the caller closes `db`. */
export async function worldOf(folder, options) {
  const done = join(folder, 'world.json');
  if (existsSync(done))
    return { db: await FeatureDb.open({ threads: 2 }), tablesRoot: join(folder, 'tables') };
  await rm(folder, { recursive: true, force: true });
  const world = await generatedWorld(folder, options);
  await writeFile(done, JSON.stringify(options));
  return world;
}

/**
 * Rows of the three parts, also as arrays in `folder` for the twin. Unknown apps are in the test part alone.
 *
 * @param {{ train: string[], validate: string[], test: string }} split weeks
 */
export async function openWorldData(folder, world, { test, ...split }, seed) {
  const { near, far, categories } = drawUnknownApps(await weekFlows(world, split.train[0]), seed);
  const data = await trainingFlows(world, { ...split, without: [...near, ...far] });
  const { classes, train } = data;
  const labelOf = new Map([
    ...classes.map((name, k) => [name, k]),
    ...near.map((name) => [name, NEAR]),
    ...far.map((name) => [name, FAR]),
  ]);
  const inWeek = async (week) => {
    const set = await weekFlows(world, week);
    const rows = Array.from(set.app, (_, i) => i).filter((i) => labelOf.has(set.app[i]));
    return {
      flows: selectFlows(set, rows),
      labels: Int32Array.from(rows, (i) => labelOf.get(set.app[i])),
      apps: rows.map((i) => set.app[i]),
      timeFirstMs: Float64Array.from(rows, (i) => set.timeFirstMs[i]),
    };
  };
  const week = await inWeek(split.validate[0]);
  const validation = {
    ...data.validation,
    timeFirstMs: week.timeFirstMs.filter((_, i) => week.labels[i] >= 0),
  };
  const parts = { train, validation, test: await inWeek(test) };
  const done = join(folder, 'data.json');
  if (!existsSync(done)) {
    for (const [part, { flows, labels }] of Object.entries(parts)) {
      await writeFile(join(folder, `${part}.ppi.f32`), flows.ppi);
      await writeFile(join(folder, `${part}.tabular.f32`), flows.tabular);
      await writeFile(join(folder, `${part}.labels.i32`), labels);
    }
    const about = { classes: classes.length, features: train.flows.featureNames.length };
    await writeFile(done, JSON.stringify(about));
  }
  return { ...parts, classes, unknown: { near, far, categories } };
}
