/** Table versions that a vacuum must leave readable: closed runs and serving models name them. */
import type { HomeLayout } from '../contracts/home.js';
import { objectsIn } from '../contracts/json.js';
import { tableVersion } from '../contracts/schemas/values.js';
import { DRIFT_SCORES, PREDICTIONS, RUNS, TASK_RUNS } from '../feature-store/engine-tables.js';
import { queryIfPresent } from '../feature-store/query-tables.js';
import { FLOW_FEATURES } from '../feature-store/tables.js';
import type { MlflowClient } from '../models/registry/mlflow-client.js';
import { localBlobStore } from '../payloads/blob-store.js';
import { resolveJson } from '../payloads/reference.js';
import { asModelVersion, splitOf } from './model-store.js';

/** Versions by table name. */
export type VersionsByTable = ReadonlyMap<string, ReadonlySet<number>>;

/**
 * Versions that inputs, outputs and parameters of closed runs name, that predictions and drift scores were read
 * from, and that models with an alias were trained on.
 *
 * @param mlflow undefined for a home that has no registry yet
 * @throws PipelineError PAYLOAD_MISSING, MLFLOW_HTTP: what cannot be known must not be deleted
 */
export async function protectedVersions(
  layout: HomeLayout,
  mlflow: MlflowClient | undefined,
): Promise<VersionsByTable> {
  const versions = new Map<string, Set<number>>();
  const note = (table: string, version: number): void => {
    versions.set(table, (versions.get(table) ?? new Set()).add(version));
  };
  const store = localBlobStore(layout.payloads);
  for (const [table, columns] of Object.entries(RUN_VALUES)) {
    const texts = columns.map((column) => `SELECT ${column} AS text FROM ${table}`).join(' UNION ');
    const rows = await queryIfPresent(
      layout.tables,
      table,
      `FROM (${texts}) WHERE contains(text, '"version"') OR contains(text, '$payload')`,
    );
    for (const { text } of rows)
      for (const value of objectsIn(await resolveJson(store, String(text)))) {
        const named = tableVersion.safeParse(value).data;
        if (named !== undefined) note(named.table, named.version);
      }
  }
  for (const table of [PREDICTIONS.name, DRIFT_SCORES.name])
    for (const { version } of await queryIfPresent(
      layout.tables,
      table,
      `SELECT DISTINCT features_version AS version FROM ${table}`,
    ))
      note(FLOW_FEATURES.name, Number(version));
  for (const { name } of (await mlflow?.models.listModels()) ?? [])
    for (const version of await aliasedVersions(mlflow, name)) note(...version);
  return versions;
}

async function aliasedVersions(
  mlflow: MlflowClient | undefined,
  name: string,
): Promise<[table: string, version: number][]> {
  const aliases = (await mlflow?.models.getModel(name))?.aliases ?? {};
  const versions: [string, number][] = [];
  for (const number of new Set(Object.values(aliases))) {
    const version = await mlflow?.models.getVersion(name, number);
    if (mlflow === undefined || version === undefined) continue;
    const { features } = await splitOf(mlflow, asModelVersion(version));
    versions.push([features.table, features.version]);
  }
  return versions;
}

/** Columns that hold values of runs. */
const RUN_VALUES = { [TASK_RUNS.name]: ['input', 'output'], [RUNS.name]: ['params'] };
