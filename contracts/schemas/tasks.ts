/**
 * The contract of each task: what goes in, what comes out, on which queue it runs and how it is
 * retried. `tsc` checks edges against the inferred types, the activity checks values against the
 * schemas, and a plan records the hash of both.
 */
import { z } from 'zod';
import type { Queue } from '../queues.js';
import { flowMapping } from './mapping.js';
import {
  driftScore,
  fault,
  gateEvidence,
  flowWindow,
  isoWeek,
  judgedFlows,
  modelSpec,
  modelVersion,
  preset,
  rejectedLimit,
  retraining,
  score,
  selection,
  sourceFile,
  split,
  tableVersion,
  target,
} from './values.js';

interface TaskContract<I extends z.ZodType, O extends z.ZodType> {
  readonly queue: Queue;
  /** One try may take this long. */
  readonly timeoutMs: number;
  readonly input: I;
  readonly output: O;
}

function task<I extends z.ZodType, O extends z.ZodType>(
  queue: Queue,
  timeoutMs: number,
  input: I,
  output: O,
): TaskContract<I, O> {
  return { queue, timeoutMs, input, output };
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const nothing = z.object({});
const weeks = z.object({ weeks: z.array(isoWeek), label: z.string() });
const listedSources = z.object({
  /** How their files are read; null for flow files. */
  mapping: flowMapping.nullable(),
  files: z.array(sourceFile),
  ignored: z.array(z.object({ file: z.string(), reason: z.string() })),
  faults: z.array(fault),
});
const parsedFile = z.object({
  file: z.string(),
  rowsRead: z.int(),
  rowsStored: z.int(),
  rowsRejected: z.int(),
  faults: z.array(fault),
  /** The version that holds its rows; null when the file was refused. */
  flows: tableVersion.nullable(),
});
const parts = z.array(z.object({ partition: z.string(), selection }));

/** Queue, time limit and schemas of every task, by name. */
export const taskContracts = {
  /** Does nothing; for benches and drills. */
  noop: task('control', MINUTE_MS, z.object({ value: z.int() }), z.object({ value: z.int() })),

  listSources: task(
    'io',
    HOUR_MS,
    z.object({ inputs: z.array(z.string()), mapping: z.string() }),
    listedSources,
  ),
  parseFlows: task(
    'cpu',
    6 * HOUR_MS,
    z.object({ file: sourceFile, mapping: flowMapping.nullable(), maxRejected: rejectedLimit }),
    parsedFile,
  ),
  /** Weeks whose derived tables do not match the flows, in batches of a bounded number of rows. */
  findStaleWeeks: task('io', HOUR_MS, nothing, z.object({ batches: z.array(weeks) })),
  aggregateTraffic: task(
    'cpu',
    HOUR_MS,
    weeks,
    z.object({ hourly: tableVersion, daily: tableVersion }),
  ),
  buildFeatures: task('cpu', HOUR_MS, weeks, z.object({ features: tableVersion, rows: z.int() })),

  /** Small files of `flows` in weeks that are closed become one for each partition. */
  compactWeeks: task(
    'cpu',
    24 * HOUR_MS,
    nothing,
    z.object({
      filesBefore: z.int(),
      filesAfter: z.int(),
      /** Files that another commit replaced meanwhile; the next compaction finds what is left. */
      skipped: z.int(),
    }),
  ),

  planSplit: task(
    'cpu',
    HOUR_MS,
    z.object({ preset }),
    z.object({
      /** Null while there are no flows. */
      split: split.nullable(),
      /** False once a champion serves, and while there is too little to train on. */
      trainingNeeded: z.boolean(),
      /** What the new models are scored on. */
      parts,
      /** Weeks that no champion has judged yet, oldest first. */
      watch: z.array(isoWeek),
      /** Why nothing can be trained. */
      faults: z.array(fault),
    }),
  ),
  trainModel: task(
    'cpu',
    24 * HOUR_MS,
    z.object({ model: modelSpec, split, preset }),
    z.object({
      model: modelSpec,
      mlflowRunId: z.string(),
      /** Hash of the transformer that it was trained with. */
      transformer: z.string(),
      classes: z.int(),
      validationMacroF1: z.number(),
    }),
  ),
  fitEnsemble: task(
    'cpu',
    6 * HOUR_MS,
    z.object({ name: z.string(), target, members: z.array(modelVersion), split, preset }),
    z.object({
      name: z.string(),
      mlflowRunId: z.string(),
      /** Of all members; null for members that name none. */
      transformer: z.string().nullable(),
      weights: z.record(z.string(), z.number()),
      validationMacroF1: z.number(),
    }),
  ),
  registerModel: task(
    'io',
    HOUR_MS,
    z.object({
      name: z.string(),
      target,
      kind: modelVersion.shape.kind,
      mlflowRunId: z.string(),
      /** Become champion if the name has none yet. */
      firstIsChampion: z.boolean(),
    }),
    modelVersion,
  ),
  evaluateModel: task(
    'cpu',
    6 * HOUR_MS,
    z.object({ model: modelVersion, split, parts }),
    z.object({ model: modelVersion, scores: z.array(score) }),
  ),

  /** UTC days with enough flows that have ended and that no version has judged, oldest first. */
  planDays: task('io', HOUR_MS, z.object({ preset }), z.object({ days: z.array(flowWindow) })),
  judgeWindow: task(
    'cpu',
    6 * HOUR_MS,
    z.object({ window: flowWindow, model: z.string(), preset }),
    z.object({
      /** The version that serves. */
      model: modelVersion,
      transformer: z.string().nullable(),
      features: tableVersion,
      /** Null for a day, which is written with its week. */
      predictions: tableVersion.nullable(),
      report: judgedFlows,
      scores: z.array(driftScore),
      drifted: z.boolean(),
    }),
  ),
  tellOfDrift: task(
    'io',
    10 * MINUTE_MS,
    z.object({ model: z.string(), report: judgedFlows }),
    /** Why somebody could not be told. */
    z.object({ faults: z.array(fault) }),
  ),
  wakeLifecycle: task(
    'control',
    5 * MINUTE_MS,
    z.object({ model: z.string(), report: judgedFlows, preset }),
    z.object({ workflowId: z.string() }),
  ),
  awaitDecision: task(
    'control',
    24 * HOUR_MS,
    z.object({ workflowId: z.string(), reportHash: z.string() }),
    z.object({ kind: z.string(), reason: z.string() }),
  ),
  planRetrain: task(
    'cpu',
    HOUR_MS,
    z.object({ model: z.string(), week: isoWeek, preset, retraining }),
    z.object({ split }),
  ),
  compareModels: task(
    'cpu',
    6 * HOUR_MS,
    z.object({
      champion: z.string(),
      challenger: modelVersion,
      partition: isoWeek,
      selection,
      features: tableVersion,
    }),
    z.object({
      championVersion: z.string(),
      challengerVersion: z.string(),
      rows: z.int(),
      championF1: z.number(),
      challengerF1: z.number(),
      gate: gateEvidence,
    }),
  ),

  /** Everything the run left behind, as one document in the home. */
  writeReport: task(
    'io',
    HOUR_MS,
    z.object({
      dagRunId: z.string(),
      preset,
      sources: listedSources,
      parsed: z.array(parsedFile).nullable(),
      split: split.nullable(),
      faults: z.array(fault),
    }),
    z.object({ path: z.string() }),
  ),
} as const;

/** Name of a task's activity. */
export type TaskName = keyof typeof taskContracts;

/** Input and output type of each task, by name. */
export type Tasks = {
  [K in TaskName]: {
    input: z.infer<(typeof taskContracts)[K]['input']>;
    output: z.infer<(typeof taskContracts)[K]['output']>;
  };
};
