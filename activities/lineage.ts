/** Where a model version, a run or a prediction came from: plan, weeks, table versions, transformer, files, raw files. */
import { z } from 'zod';
import { PipelineError } from '../contracts/errors.js';
import type { HomeLayout } from '../contracts/home.js';
import { objectsIn } from '../contracts/json.js';
import {
  modelVersion,
  sourceFile,
  split as splitSchema,
  tableVersion,
  type Split,
} from '../contracts/schemas/values.js';
import { isInWeek } from '../feature-store/derived.js';
import { readSnapshot, type LiveFile } from '../feature-store/delta/snapshot.js';
import { quote, type PlainRow } from '../feature-store/duckdb.js';
import { PREDICTIONS } from '../feature-store/engine-tables.js';
import {
  commitLineage,
  mergeSources,
  weekLineage,
  type CommitLineage,
  type LineageSource,
  type WeekLineage,
} from '../feature-store/lineage.js';
import { queryIfPresent } from '../feature-store/query-tables.js';
import { FLOW_FEATURES, isoWeekText, tableFolder } from '../feature-store/tables.js';
import type { MlflowClient } from '../models/registry/mlflow-client.js';
import {
  findVersion,
  splitOf,
  transformerOf,
  versionIdParts,
  type NamedTransformer,
} from './model-store.js';
import { closedRuns, type RecordedRun } from './runs/closed-runs.js';

/** What a split read, week by week. */
interface SplitLineage extends Pick<Split, 'kind' | 'rule' | 'train' | 'validate' | 'test'> {
  /** Version of `flow_features`. */
  readonly features: CommitLineage;
  readonly weeks: readonly WeekLineage[];
}

/** A model version and what it was made from. */
interface ModelLineage {
  readonly kind: 'model';
  readonly name: string;
  readonly version: string;
  readonly mlflowRunId: string;
  /** The run of a DAG that trained it. */
  readonly dagRunId: string;
  readonly planHash: string;
  /** Members of an ensemble: `app-xgboost` to `version 3, weight 0.6`. */
  readonly members: Readonly<Record<string, string>>;
  /** Of its inputs; null for a version that takes features as they are stored. */
  readonly transformer: NamedTransformer | null;
  readonly split: SplitLineage;
  readonly sources: readonly LineageSource[];
}

/** A raw file; null where the tables tell no rows. */
type RunSource = Omit<LineageSource, 'rows'> & { readonly rows: number | null };

/** A closed run and all that its tasks named. */
interface RunLineage {
  readonly kind: 'run';
  readonly dagRunId: string;
  readonly temporalRunId: string;
  readonly planHash: string;
  readonly codeVersion: string;
  /** Table versions in inputs and outputs of its tasks. */
  readonly tables: readonly (CommitLineage & { readonly tasks: readonly string[] })[];
  readonly splits: readonly SplitLineage[];
  /** `NAME/VERSION`. */
  readonly models: readonly string[];
  /** SHA-256 of those that its tasks fitted or used. */
  readonly transformers: readonly string[];
  /** Raw files that it parsed, and those behind its splits; rows where the tables tell. */
  readonly sources: readonly RunSource[];
}

/** What model versions said of one flow, and what they said it from. */
interface PredictionLineage {
  readonly kind: 'prediction';
  readonly sourceSha: string;
  /** Row of the raw file, from 1. */
  readonly sourceRow: number;
  /** Oldest model version first. */
  readonly predictions: readonly FlowPrediction[];
  /** Versions that said it, where the registry still has them. */
  readonly models: readonly ModelLineage[];
  /** The raw file. */
  readonly sources: readonly LineageSource[];
}

interface FlowPrediction {
  /** `NAME/VERSION`. */
  readonly model: string;
  readonly predicted: string;
  /** 0..1. */
  readonly probability: number;
  /** SHA-256; null where features were taken as they are stored. */
  readonly transformer: string | null;
  /** The version of `predictions` that has it first. */
  readonly said: CommitLineage;
  /** Version of `flow_features` that was read. */
  readonly features: CommitLineage;
  /** Files of the flow's week in that version, and in `flows` those of its raw file. */
  readonly week: WeekLineage;
}

/** Where something came from. */
export type Lineage = ModelLineage | RunLineage | PredictionLineage;

/**
 * Follows a closed run (`train/2022-W25`, or its Temporal run id), a model version (`app-cnn/3`, or an alias:
 * `app-cnn/champion`; `@` may stand for the last slash) or what was predicted of a flow (`<source_sha>:<source_row>`,
 * eight digits of the hash are enough) to files.
 *
 * @param registry asked for models and predictions
 * @throws PipelineError LINEAGE_UNKNOWN, TABLE_UNKNOWN, TABLE_VERSION_UNKNOWN
 */
export async function lineageOf(
  layout: HomeLayout,
  registry: () => Promise<MlflowClient>,
  id: string,
): Promise<Lineage> {
  const [, sha, row] = /^([0-9a-f]{8,64}):(\d+)$/.exec(id) ?? [];
  if (sha !== undefined) return predictionLineage(layout, registry, sha, Number(row));
  const closed = closedRuns(layout);
  const [run] = [
    ...(await closed.list({ dagRunId: id }, 1)),
    ...(await closed.list({ temporalRunId: id }, 1)),
  ];
  if (run !== undefined) return runLineage(layout.tables, await closed.read(run.temporalRunId));
  const model = versionIdParts(id) && (await modelLineage(layout, await registry(), id));
  if (model !== undefined) return model;
  throw new PipelineError({
    code: 'LINEAGE_UNKNOWN',
    found: `${JSON.stringify(id)} is neither a closed run nor a model version`,
    expected: 'an id such as train/2022-W25, app-cnn/3, app-cnn@champion or SOURCE_SHA:ROW',
    fix: 'see `sentinel runs list` and `sentinel models list`; an open run is known when it has closed',
  });
}

async function modelLineage(
  { tables }: HomeLayout,
  mlflow: MlflowClient,
  id: string,
): Promise<ModelLineage | undefined> {
  const model = await findVersion(mlflow, id);
  if (model === undefined) return undefined;
  const run = await mlflow.runs.get(model.mlflowRunId);
  const split = await splitLineage(tables, await splitOf(mlflow, model));
  const members = Object.entries(run.params).flatMap(([param, value]) =>
    param.startsWith(MEMBER) ? [[param.slice(MEMBER.length), value] as const] : [],
  );
  return {
    kind: 'model',
    name: model.name,
    version: model.version,
    mlflowRunId: model.mlflowRunId,
    dagRunId: run.tags['mlflow.source.name'] ?? '',
    planHash: run.tags['sentinel.planHash'] ?? '',
    members: Object.fromEntries(members),
    transformer: await transformerOf(mlflow, model),
    split,
    sources: mergeSources(split.weeks),
  };
}

async function predictionLineage(
  layout: HomeLayout,
  registry: () => Promise<MlflowClient>,
  sha: string,
  sourceRow: number,
): Promise<PredictionLineage> {
  const rows = await queryIfPresent(
    layout.tables,
    PREDICTIONS.name,
    `FROM predictions WHERE starts_with(source_sha, ${quote(sha)}) AND source_row = ${sourceRow}
     ORDER BY model, model_version::INTEGER`,
  );
  const [sourceSha, other] = new Set(rows.map((row) => String(row['source_sha'])));
  if (sourceSha === undefined || other !== undefined) {
    throw new PipelineError({
      code: 'LINEAGE_UNKNOWN',
      found:
        other === undefined
          ? `no prediction of row ${sourceRow} of the file ${sha}`
          : `predictions of several files whose hash begins with ${sha}`,
      expected: 'SOURCE_SHA:ROW of a flow that was scored',
      fix: 'see `sentinel query "SELECT source_sha, source_row FROM predictions"`',
    });
  }
  const table = await readSnapshot(tableFolder(layout.tables, PREDICTIONS.name));
  const files = [...(table?.files.values() ?? [])];
  const predictions = await inOrder(rows, (row) => flowPrediction(layout.tables, files, row));
  const versions = new Set(predictions.map(({ model }) => model));
  const mlflow = await registry();
  const models = await inOrder([...versions], (id) => modelLineage(layout, mlflow, id));
  return {
    kind: 'prediction',
    sourceSha,
    sourceRow,
    predictions,
    models: models.filter((model) => model !== undefined),
    sources: predictions.at(-1)?.week.sources ?? [],
  };
}

/** @param files all of the table `predictions` */
async function flowPrediction(
  tables: string,
  files: readonly LiveFile[],
  row: PlainRow,
): Promise<FlowPrediction> {
  const text = (column: string): string => String(row[column]);
  const week = isoWeekText(Number(row['iso_year']), Number(row['iso_week']));
  const [name, version] = [text('model'), text('model_version')];
  const inWeek = isInWeek(week);
  const said = files.find(
    (file) => inWeek(file) && file.tags['model'] === name && file.tags['model_version'] === version,
  );
  const features = Number(row['features_version']);
  const [ofWeek] = await weekLineage(tables, features, [week], text('source_sha'));
  return {
    model: `${name}/${version}`,
    predicted: text('predicted'),
    probability: Number(row['probability']),
    transformer: row['transformer'] == null ? null : text('transformer'),
    said: await commitLineage(tables, PREDICTIONS.name, said!.addedIn), // the row is in a file
    features: await commitLineage(tables, FLOW_FEATURES.name, features),
    week: ofWeek!, // the row was read from that version
  };
}

async function runLineage(tablesRoot: string, { run }: RecordedRun): Promise<RunLineage> {
  const tables = new Map<string, { table: string; version: number; tasks: Set<string> }>();
  const splits = new Map<string, Split>();
  const models = new Set<string>();
  const transformers = new Set<string>();
  const sources = new Map<string, RunSource>();
  for (const [task, { instances }] of Object.entries(run.record.tasks))
    for (const value of objectsIn(instances.map(({ input, output }) => [input, output]))) {
      const named = namedBy(value);
      if (named.table !== undefined) {
        const { table, version } = named.table;
        const key = `${table}@${version}`;
        const tasks = tables.get(key)?.tasks ?? new Set();
        tables.set(key, { table, version, tasks: tasks.add(task) });
      }
      if (named.split !== undefined) splits.set(JSON.stringify(named.split), named.split);
      if (named.model !== undefined) models.add(`${named.model.name}/${named.model.version}`);
      if (named.transformer !== undefined) transformers.add(named.transformer.transformer);
      if (named.source !== undefined) {
        const { path: file, sha256 } = named.source;
        sources.set(sha256, { file, sha256, rows: null });
      }
    }
  const followed = await inOrder([...splits.values()], (split) => splitLineage(tablesRoot, split));
  for (const source of mergeSources(followed.flatMap(({ weeks }) => weeks)))
    sources.set(source.sha256, source);
  return {
    kind: 'run',
    dagRunId: run.record.dagRunId,
    temporalRunId: run.temporalRunId,
    planHash: run.record.planHash,
    codeVersion: run.codeVersion,
    tables: await inOrder([...tables.values()], async ({ table, version, tasks }) => ({
      ...(await commitLineage(tablesRoot, table, version)),
      tasks: [...tasks],
    })),
    splits: followed,
    models: [...models].sort(),
    transformers: [...transformers].sort(),
    sources: [...sources.values()],
  };
}

async function splitLineage(tablesRoot: string, split: Split): Promise<SplitLineage> {
  const { kind, rule, train, validate, test, features } = split;
  return {
    ...{ kind, rule, train, validate, test },
    features: await commitLineage(tablesRoot, features.table, features.version),
    weeks: await weekLineage(tablesRoot, features.version, [...train, ...validate, ...test]),
  };
}

/** What every version has recorded of a raw file. */
const rawFile = sourceFile.pick({ path: true, sha256: true });

const usedTransformer = z.object({ transformer: z.string().length(64) });

/** What of interest an object is. */
function namedBy(value: object) {
  return {
    table: tableVersion.safeParse(value).data,
    split: splitSchema.safeParse(value).data,
    model: modelVersion.safeParse(value).data,
    source: rawFile.safeParse(value).data,
    transformer: usedTransformer.safeParse(value).data,
  };
}

/** One after the other: the log of a table is read once at a time. */
async function inOrder<T, R>(items: readonly T[], follow: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await follow(item));
  return results;
}

/** How `fitEnsemble` names a parameter of a member. */
const MEMBER = 'member ';
