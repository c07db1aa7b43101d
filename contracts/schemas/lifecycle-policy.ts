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

/** What a policy file holds: any of the parts. */
export const policyParts = z.strictObject({
  retrainOn: z.exactOptional(z.array(z.string())),
  schemaBreak: z.exactOptional(
    z.strictObject({
      signals: z.array(z.string()),
      ratio: z.number().min(1),
      windows: count,
      ratioOf: z.array(z.string()),
      refreshDays: z.number().min(0),
    }),
  ),
  alarm: z.exactOptional(z.strictObject({ day: alarmRule, week: alarmRule })),
  coolDown: z.exactOptional(
    z.strictObject({ days: z.number().min(0), maxDays: z.number().min(0), errorRise: share }),
  ),
  minSamples: z.exactOptional(
    z.strictObject({ rows: z.int().min(0), rowsPerClass: z.int().min(0) }),
  ),
  budget: z.exactOptional(z.strictObject({ retrains: z.int().min(0), days: positive })),
  frozen: z.exactOptional(
    z.array(z.strictObject({ from: monthDay, to: monthDay, reason: z.string() })),
  ),
  attempts: z.exactOptional(count),
  gate: z.exactOptional(
    z.strictObject({
      minHeldOutRows: count,
      minGain: z.number(),
      minGainSchemaBreak: z.number(),
      maxClassLoss: share,
      classRows: count,
      maxEceRise: share,
      maxLatencyRatio: positive,
    }),
  ),
  approvalHours: z.exactOptional(positive.nullable()),
  shadow: z.exactOptional(z.strictObject({ windows: z.int().min(0), maxLoss: share })),
  watch: z.exactOptional(
    z.strictObject({
      days: z.number().min(0),
      daysSchemaBreak: z.number().min(0),
      maxLoss: share,
    }),
  ),
});

/** A policy, of which each part that is given replaces that of `base` as a whole. */
export function completePolicy(
  given: z.infer<typeof policyParts>,
  base: LifecyclePolicy = DEFAULT_POLICY,
): LifecyclePolicy {
  return { ...base, ...given };
}

/** Parses what a file holds; what it leaves out is as in `DEFAULT_POLICY`. */
export const lifecyclePolicy = policyParts.transform((given) => completePolicy(given));
