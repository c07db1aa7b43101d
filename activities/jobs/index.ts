/**
 * The jobs of compute children: heavy work as plain functions over the adapters, without Temporal.
 * Each is loaded when it is asked for, so that a parsing child never loads TensorFlow.
 */
import type { HomeLayout } from '../../contracts/home.js';

/** What a job may use beside its input. */
export interface JobContext {
  readonly layout: HomeLayout;
  readonly setupDir: string;
  /** Where a job writes what is to be committed. */
  readonly stagingDir: string;
  /** A folder that outlives a try that is cut short: what the next one goes on from. */
  readonly checkpointDir: string;
  /** Threads that it may keep busy. */
  readonly threads: number;
  /** One line on how far it is; travels with the task's heartbeat. */
  readonly progress: (detail: string) => void;
  /** True when nobody waits for the result any more. */
  readonly shouldStop: () => boolean;
}

const JOBS = {
  parseFlows: async () => (await import('./parse-flows.js')).parseFlowsJob,
  aggregateTraffic: async () => (await import('./derive-tables.js')).aggregateTrafficJob,
  buildFeatures: async () => (await import('./derive-tables.js')).buildFeaturesJob,
  compactWeeks: async () => (await import('./compact-weeks.js')).compactWeeksJob,
  planSplit: async () => (await import('./plan-split.js')).planSplitJob,
  planRetrain: async () => (await import('./plan-retrain.js')).planRetrainJob,
  trainModel: async () => (await import('./train-model.js')).trainModelJob,
  fitEnsemble: async () => (await import('./fit-ensemble.js')).fitEnsembleJob,
  evaluateModel: async () => (await import('./evaluate-model.js')).evaluateModelJob,
  compareModels: async () => (await import('./compare-models.js')).compareModelsJob,
  judgeWindow: async () => (await import('./judge-window.js')).judgeWindowJob,
} as const;

/** Name of a job; a child is told it when it starts. */
export type JobName = keyof typeof JOBS;
type JobCode<K extends JobName> = Awaited<ReturnType<(typeof JOBS)[K]>>;

/** What a job takes. */
export type JobInput<K extends JobName> = Parameters<JobCode<K>>[0];

/** What a job answers. */
export type JobOutput<K extends JobName> = Awaited<ReturnType<JobCode<K>>>;

/** The code of a job; the caller passes it the input that was meant for it. */
export async function loadJob(
  name: JobName,
): Promise<(input: unknown, context: JobContext) => Promise<unknown>> {
  // input and code belong together by the type of `Compute`, which a message cannot carry
  return (await JOBS[name]()) as (input: unknown, context: JobContext) => Promise<unknown>;
}
