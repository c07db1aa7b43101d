/** Schemas of the values that travel between tasks. References and counts only, never rows. */
import { z } from 'zod';
import { policyParts } from './lifecycle-policy.js';

/** `2022-W31`: ISO year and week. */
export const isoWeek = z.string().regex(/^\d{4}-W\d{2}$/, 'an ISO week such as 2022-W31');

/** A fault as data: the schema of `Fault` in errors.ts. */
export const fault = z.object({
  code: z.string(), // not the list of codes: a new code must not change the contract of every task
  file: z.string().optional(),
  row: z.int().optional(),
  column: z.string().optional(),
  found: z.string(),
  expected: z.string().optional(),
  fix: z.string(),
});

/** A raw flow file; the SHA-256 of its bytes is its identity. */
export const sourceFile = z.object({
  path: z.string(),
  name: z.string(),
  bytes: z.int(),
  compression: z.enum(['none', 'gz', 'xz', 'parquet']),
  sha256: z.string().length(64),
  unknownColumns: z.array(z.string()),
});

/** How many rejected rows a file may have: a number, or a share of its rows. */
export const rejectedLimit = z
  .string()
  .regex(/^\d+(\.\d+%|%)?$/, 'a number of rows or a share, such as 1%');

/** One version of a table, as a run pins it. */
export const tableVersion = z.object({ table: z.string(), version: z.int() });

/** Which rows: days of weeks (ISO weekdays, 1 = Monday; null = all), a span of time, or a share of all. */
export const selection = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('slices'),
    slices: z.array(z.object({ week: isoWeek, days: z.array(z.int().min(1).max(7)).nullable() })),
  }),
  /** Rows whose first packet came in [fromMs, toMs), ms since 1970; null is open. */
  z.object({
    kind: z.literal('time'),
    fromMs: z.number().nullable(),
    toMs: z.number().nullable(),
  }),
  /** The share [from, to) of all rows by a seeded hash; identical rows stay together. */
  z.object({ kind: z.literal('random'), from: z.number(), to: z.number(), seed: z.int() }),
]);

/** What each part of the data is used for. */
export const split = z.object({
  kind: z.enum(['weeks', 'time', 'random']),
  /** One sentence: how the weeks were cut or merged. */
  rule: z.string(),
  train: z.array(isoWeek),
  validate: z.array(isoWeek),
  test: z.array(isoWeek),
  watch: z.array(isoWeek),
  skippedClasses: z.array(
    z.object({ target: z.enum(['APP', 'CATEGORY']), class: z.string(), rows: z.int() }),
  ),
  selections: z.object({ train: selection, validate: selection, test: selection }),
  features: tableVersion,
});

/** What a model tells: one of the two label columns, or whether a flow is a VPN tunnel (`vpn`) or not (`other`). */
export const target = z.enum(['APP', 'CATEGORY', 'VPN']);

/** A model to be trained: its registered name, what it tells, and by which algorithm. */
export const modelSpec = z.object({
  name: z.string(),
  target,
  kind: z.enum(['xgboost', 'lightgbm', 'lstm', 'cnn', 'two-branch']),
  /** Whether trees read the packets too, or flow statistics and histograms alone. Default: true. */
  packets: z.boolean().optional(),
});

/** A registered version. Member weights of an ensemble lie in its artifact. */
export const modelVersion = z.object({
  name: z.string(),
  version: z.string(),
  target,
  kind: z.enum(['xgboost', 'lightgbm', 'lstm', 'cnn', 'two-branch', 'ensemble']),
  mlflowRunId: z.string(),
});

/** Scores of one model version on one partition; F1 as scikit-learn computes it, over trained classes. */
export const score = z.object({
  partition: z.string(),
  rows: z.int(),
  /** Rows whose class the model was not trained on; they are not scored. */
  rowsUnseenClass: z.int(),
  accuracy: z.number(),
  macroF1: z.number(),
  weightedF1: z.number(),
});

/** A window of flows: an ISO week or a UTC day. */
export const flowWindow = z
  .string()
  .regex(
    /^\d{4}-(W\d{2}|\d{2}-\d{2})$/,
    'an ISO week such as 2022-W31, or a day such as 2022-08-01',
  );

/** A judged window: the schema of `JudgedFlows` in lifecycle.ts. */
export const judgedFlows = z.object({
  reportHash: z.string(),
  partition: flowWindow,
  length: z.enum(['day', 'week']),
  startMs: z.number(),
  endMs: z.number(),
  rows: z.int(),
  judgedClasses: z.int(),
  version: z.string(),
  readings: z
    .array(
      z.object({
        signal: z.string(),
        value: z.number(),
        threshold: z.number().nullable(),
        calm: z.number().nullable(),
      }),
    )
    .readonly(),
  causes: z.array(z.string()).readonly(),
  scores: z.array(z.object({ version: z.string(), weightedF1: z.number() })).readonly(),
});

/** One signal of one window; null where it was not judged. */
export const driftScore = z.object({
  partition: z.string(),
  statistic: z.string(),
  value: z.number().nullable(),
  threshold: z.number().nullable(),
  verdict: z.enum(['drifted', 'stable', 'not_judged']),
});

const network = z.object({
  epochs: z.int(),
  batchSize: z.int(),
  learningRate: z.number(),
  earlyStoppingEpochs: z.int(),
});

/** Training settings, from one preset file; the run's parameters carry them whole. */
export const preset = z.object({
  name: z.string(),
  seed: z.int(),
  /** A week with fewer rows is not used by itself. */
  minRowsPerWeek: z.int(),
  /** A class with fewer training rows is left out and listed. */
  minRowsPerClass: z.int(),
  boosting: z.object({
    rounds: z.int(),
    earlyStoppingRounds: z.int(),
    eta: z.number(),
    maxDepth: z.int(),
    maxBin: z.int(),
  }),
  lstm: network,
  /** Of the two-branch network as well. */
  cnn: network,
  /** Weeks before the newest that a retraining uses. */
  retrainWeeks: z.int(),
  drift: z.object({ resamples: z.int(), minRows: z.int() }),
  /** By which its models are retrained and promoted, where no file of the model says otherwise. */
  policy: z.strictObject({
    ...policyParts.shape,
    /** `minSamples.rows`, in presets of 0.6 and before. */
    minRows: z.exactOptional(z.int()),
    /** `gate.minGain`, in presets of 0.6 and before. */
    minGain: z.exactOptional(z.number()),
    /** `gate.minHeldOutRows`, in presets of 0.6 and before. */
    minHeldOutRows: z.exactOptional(z.int()),
  }),
});

/** Which flows a retraining may use. */
export const retraining = z.object({
  /** End of the newest ones, excluded, ms since 1970; null: that of the partition. */
  endMs: z.number().nullable(),
  /** Earlier ones train nothing, ms since 1970; null: no such bound. */
  notBeforeMs: z.number().nullable(),
  /** Flows are exported in another way since then: they are few, and cut by their number instead of by days. */
  afterSchemaBreak: z.boolean(),
});

/** What the gate of a challenger is shown: the schema of `GateEvidence` in lifecycle.ts. */
export const gateEvidence = z.object({
  heldOutRows: z.int(),
  championF1: z.number(),
  challengerF1: z.number(),
  gain: z.object({ lower: z.number(), upper: z.number() }),
  classes: z.array(z.object({ name: z.string(), rows: z.int(), loss: z.number() })),
  eceRise: z.number().nullable(),
  latencyRatio: z.number().nullable(),
});

/** See `selection`. */
export type Selection = z.infer<typeof selection>;

/** See `split`. */
export type Split = z.infer<typeof split>;

/** See `modelSpec`. */
export type ModelSpec = z.infer<typeof modelSpec>;

/** See `modelVersion`. */
export type ModelVersion = z.infer<typeof modelVersion>;

/** See `score`. */
export type Score = z.infer<typeof score>;

/** See `driftScore`. */
export type DriftScore = z.infer<typeof driftScore>;

/** See `preset`. */
export type Preset = z.infer<typeof preset>;

/** See `target`. */
export type Target = z.infer<typeof target>;

/** See `retraining`. */
export type Retraining = z.infer<typeof retraining>;
