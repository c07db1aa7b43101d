/** The results of a run, read back from the tables and the registry that it left. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fault } from '../contracts/errors.js';
import type { Report, ReportedSplit } from '../contracts/report.js';
import type { Tasks } from '../contracts/schemas/tasks.js';
import type { DriftScore, Split } from '../contracts/schemas/values.js';
import { countRows, readSnapshot } from '../feature-store/delta/snapshot.js';
import { listFolders } from '../feature-store/delta/storage-of.js';
import { quote } from '../feature-store/duckdb.js';
import { DRIFT_SCORES } from '../feature-store/engine-tables.js';
import { queryIfPresent } from '../feature-store/query-tables.js';
import { readRetrains } from '../feature-store/retrains.js';
import { tableFolder } from '../feature-store/tables.js';
import { readManifest } from '../models/model-folder.js';
import { ENSEMBLE } from '../pipelines/train.js';
import type { TaskCodes } from './checked.js';
import { cancellable } from './heartbeats.js';
import type { ActivityDependencies } from './index.js';
import { fetchModel, findChampion, allVersions } from './model-store.js';

type ReportInput = Tasks['writeReport']['input'];

/** The task that gathers the results of a run. */
export function reportingTasks({ layout, mlflow }: ActivityDependencies) {
  async function tables(): Promise<Report['tables']> {
    const entries = await Promise.all(
      (await listFolders(layout.tables)).map(async (name) => {
        const path = tableFolder(layout.tables, name);
        const snapshot = await readSnapshot(path);
        if (snapshot === undefined) return [];
        const rows = countRows(snapshot.files.values());
        return [[name, { path, version: snapshot.version, rows }] as const];
      }),
    );
    return Object.fromEntries(entries.flat());
  }

  async function ensemble(): Promise<Report['ensemble']> {
    const champion = await findChampion(mlflow, ENSEMBLE);
    if (champion === undefined) return null;
    const { folder } = await fetchModel(mlflow, layout, ENSEMBLE, champion.version);
    const manifest = await readManifest(folder);
    if (manifest.kind !== 'ensemble') return null;
    const weights = manifest.members.map(({ name, weight }) => [name, weight] as const);
    return { name: ENSEMBLE, weights: Object.fromEntries(weights) };
  }

  /** The newest report of each week. */
  async function drift(split: Split | null): Promise<Report['drift']> {
    const rows = await queryIfPresent(
      layout.tables,
      DRIFT_SCORES.name,
      `SELECT partition, statistic, value, threshold, verdict FROM drift_scores
       WHERE model = ${quote(ENSEMBLE)}
       QUALIFY 1 = rank() OVER (
         PARTITION BY partition ORDER BY model_version::INTEGER DESC, features_version DESC)
       ORDER BY partition, statistic`,
    );
    if (rows.length > 0) return rows as unknown as DriftScore[]; // the table's own columns
    const partition = split?.test.at(-1) ?? '';
    return [
      { partition, statistic: 'sni_kl', value: null, threshold: null, verdict: 'not_judged' },
    ];
  }

  async function report({
    dagRunId,
    preset,
    sources,
    parsed,
    split,
    faults,
  }: ReportInput): Promise<Report> {
    const files = parsed ?? [];
    const sum = (rows: 'rowsRead' | 'rowsStored' | 'rowsRejected'): number =>
      files.reduce((total, file) => total + file[rows], 0);
    return {
      dagRunId,
      preset: preset.name,
      input: {
        files: sources.files.length,
        rowsRead: sum('rowsRead'),
        rowsStored: sum('rowsStored'),
        rowsRejected: sum('rowsRejected'),
        ignored: sources.ignored,
      },
      // schema and type say the same; optional fields of the schema may be undefined, JSON drops them
      errors: [...sources.faults, ...files.flatMap((file) => file.faults), ...faults] as Fault[],
      tables: await tables(),
      split: split && reportedSplit(split),
      models: await allVersions(mlflow),
      ensemble: await ensemble(),
      drift: await drift(split),
      retrains: await readRetrains(layout.tables),
    };
  }

  return {
    writeReport: (input) =>
      cancellable('reading tables and registry', async () => {
        const path = join(layout.reports, `${encodeURIComponent(input.dagRunId)}.json`);
        await mkdir(layout.reports, { recursive: true });
        await writeFile(`${path}.new`, JSON.stringify(await report(input), null, 2));
        await rename(`${path}.new`, path);
        return { path };
      }),
  } satisfies Partial<TaskCodes>;
}

/** A split without what only tasks need. */
function reportedSplit({ selections: _, features: __, ...split }: Split): ReportedSplit {
  return split;
}
