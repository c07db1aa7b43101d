/** Two registered versions on the same flows, which neither was trained on. */
import { PipelineError } from '../contracts/errors.js';
import type { HomeLayout } from '../contracts/home.js';
import type { ModelVersion, Selection, Split } from '../contracts/schemas/values.js';
import { wholeWeeks } from '../domain/lifecycle/split-weeks.js';
import { readSnapshot } from '../feature-store/delta/snapshot.js';
import { FeatureDb } from '../feature-store/duckdb.js';
import { FLOW_FEATURES, tableFolder } from '../feature-store/tables.js';
import { weekRows } from '../feature-store/week-rows.js';
import {
  compareAnswers,
  type PairedAnswers,
  type PairedComparison,
} from '../models/evaluation/comparison.js';
import type { MlflowClient } from '../models/registry/mlflow-client.js';
import { askBoth, type AskedModel } from './jobs/ask-both.js';
import { openModel } from './jobs/open-model.js';
import { fetchModel, requireVersion, splitOf } from './model-store.js';

/** What registered versions are asked with, outside of a pipeline. */
export interface RegistryContext {
  readonly layout: HomeLayout;
  readonly setupDir: string;
  readonly mlflow: MlflowClient;
  /** One line on how far it is. */
  readonly progress: (detail: string) => void;
}

/** One of the two versions. */
interface ComparedVersion {
  /** `NAME/VERSION`. */
  readonly id: string;
  /** Its newest training week. */
  readonly trainedTo: string;
}

/** Two versions compared, on classes that either knows. */
export interface Comparison extends PairedComparison {
  readonly target: string;
  readonly versions: readonly [ComparedVersion, ComparedVersion];
  /** Flows of classes that neither knows; they are not scored. */
  readonly rowsUnseenClass: number;
}

/** A version that is ready to be asked; the caller disposes its model. */
export interface OpenedVersion extends AskedModel {
  readonly version: ModelVersion;
}

/**
 * Compares two versions on all weeks behind the training and validation weeks of both; where there are none, on the
 * test rows of their split if they share one. Flows that equal one of the training rows are left out.
 *
 * @param ids `NAME`, `NAME/VERSION` or `NAME@ALIAS`
 * @throws PipelineError MODEL_COMPARE, MODEL_VERSION_UNKNOWN, MODEL_NO_CHAMPION
 */
export async function compareVersions(
  context: RegistryContext,
  ids: readonly [string, string],
): Promise<Comparison> {
  const db = await FeatureDb.open();
  const opened: OpenedVersion[] = [];
  try {
    for (const id of ids) opened.push(await openVersion(context, id));
    const [a, b] = opened as [OpenedVersion, OpenedVersion]; // one for each id
    const { target } = a.version;
    if (target !== b.version.target) {
      const found = `${ids[0]} tells ${target}, ${ids[1]} tells ${b.version.target}`;
      throw incomparable(found, 'name two versions that tell the same');
    }
    const classes = [...new Set([...a.model.classes, ...b.model.classes])].sort();
    const { tables: tablesRoot } = context.layout;
    const weeks: PairedAnswers[] = [];
    let rowsUnseenClass = 0;
    for (const { partition, selection } of await laterParts(tablesRoot, a.split, b.split)) {
      context.progress(partition);
      const answers = await askBoth([a, b], { db, tablesRoot, selection, target, classes });
      rowsUnseenClass += answers.rowsUnseenClass;
      if (answers.labels.length > 0) weeks.push({ ...answers, partition });
    }
    if (weeks.length === 0) {
      const found = `no flows behind the training weeks of ${ids.join(' and ')}`;
      throw incomparable(found, 'ingest a later week');
    }
    const versions = [describe(a), describe(b)] as const;
    return { target, versions, rowsUnseenClass, ...compareAnswers(weeks, classes) };
  } finally {
    for (const { model } of opened) model.dispose();
    db.close();
  }
}

/**
 * A registered version on this disk, loaded.
 *
 * @throws PipelineError MODEL_VERSION_UNKNOWN, MODEL_NO_CHAMPION
 */
export async function openVersion(
  { layout, setupDir, mlflow, progress }: RegistryContext,
  id: string,
): Promise<OpenedVersion> {
  progress(`fetching ${id}`);
  const version = await requireVersion(mlflow, id);
  const split = await splitOf(mlflow, version);
  const local = await fetchModel(mlflow, layout, version.name, version.version);
  return { version, split, local, model: await openModel(local, setupDir) };
}

async function laterParts(
  tablesRoot: string,
  a: Split,
  b: Split,
): Promise<{ partition: string; selection: Selection }[]> {
  const features = await readSnapshot(tableFolder(tablesRoot, FLOW_FEATURES.name));
  const seen = [a, b].flatMap(({ train, validate }) => [...train, ...validate]).sort();
  const newest = seen.at(-1) ?? '';
  const weeks = features === undefined ? [] : weekRows(features).map(({ week }) => week);
  const later = weeks.filter((week) => week > newest);
  if (later.length > 0)
    return later.map((week) => ({ partition: week, selection: wholeWeeks([week]) }));
  const shared = JSON.stringify(a.selections) === JSON.stringify(b.selections);
  return shared ? [{ partition: 'test', selection: a.selections.test }] : [];
}

function describe({ version, split }: OpenedVersion): ComparedVersion {
  const { name, version: number } = version;
  return { id: `${name}/${number}`, trainedTo: [...split.train].sort().at(-1) ?? '' };
}

function incomparable(found: string, fix: string): PipelineError {
  return new PipelineError({ code: 'MODEL_COMPARE', found, fix });
}
