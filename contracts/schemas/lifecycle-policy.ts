/** A policy file: what it leaves out is as in `DEFAULT_POLICY`. */
import { z } from 'zod';
import { DEFAULT_POLICY, type LifecyclePolicy } from '../lifecycle-policy.js';

const positive = z.number().positive();
const count = z.int().min(1);
const share = z.number().min(0).max(1);
const monthDay = z.string().regex(/^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/, 'a day as MM-DD');

const alarmRule = z
  .strictObject({ windows: count, of: count, suddenRatio: z.number().min(1), calmWindows: count })
  .refine(({ windows, of }) => windows <= of, 'windows may not exceed of');

const parts = z.strictObject({
  retrainOn: z.array(z.string()),
  schemaBreak: z.strictObject({
    signals: z.array(z.string()),
    ratio: z.number().min(1),
    ratioOf: z.array(z.string()),
  }),
  alarm: z.strictObject({ day: alarmRule, week: alarmRule }),
  coolDown: z.strictObject({ days: z.number().min(0), errorRise: share }),
  minSamples: z.strictObject({ rows: z.int().min(0), rowsPerClass: z.int().min(0) }),
  budget: z.strictObject({ retrains: z.int().min(0), days: positive }),
  frozen: z.array(z.strictObject({ from: monthDay, to: monthDay, reason: z.string() })),
  attempts: count,
  gate: z.strictObject({
    minHeldOutRows: count,
    minGain: z.number(),
    minGainSchemaBreak: z.number(),
    maxClassLoss: share,
    classRows: count,
    maxEceRise: share,
    maxLatencyRatio: positive,
  }),
  approvalHours: positive.nullable(),
  shadow: z.strictObject({ windows: z.int().min(0), maxLoss: share }),
  watch: z.strictObject({
    days: z.number().min(0),
    daysSchemaBreak: z.number().min(0),
    maxLoss: share,
  }),
});

/** Parses what a file holds; each part that is there replaces that of the default as a whole. */
export const lifecyclePolicy = parts
  .partial()
  .transform((given): LifecyclePolicy => ({ ...DEFAULT_POLICY, ...given }) as LifecyclePolicy); // strict parts leave nothing undefined
