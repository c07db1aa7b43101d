/** The policy in force for a model: its own file, over the preset, over the default. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PipelineError } from '../contracts/errors.js';
import type { HomeLayout } from '../contracts/home.js';
import { ifThere } from '../contracts/if-there.js';
import { DEFAULT_POLICY, type LifecyclePolicy } from '../contracts/lifecycle-policy.js';
import { completePolicy, policyParts } from '../contracts/schemas/lifecycle-policy.js';
import type { Preset } from '../contracts/schemas/values.js';

/**
 * The policy of a model as it stands now.
 *
 * @throws PipelineError POLICY_INVALID when its file cannot be used
 */
export async function policyFor(
  layout: HomeLayout,
  model: string,
  preset: Pick<Preset, 'policy'>,
): Promise<LifecyclePolicy> {
  const base = presetPolicy(preset.policy);
  const file = policyFile(layout, model);
  const text = await ifThere(readFile(file, 'utf8'));
  return text === undefined ? base : completePolicy(parsePolicy(text, file), base);
}

/** Where the policy of a model lies, if it has one of its own. */
export function policyFile(layout: HomeLayout, model: string): string {
  return join(layout.policies, `${encodeURIComponent(model)}.json`);
}

/**
 * The parts that the text of a policy file gives.
 *
 * @throws PipelineError POLICY_INVALID
 */
export function parsePolicy(text: string, file: string): ReturnType<typeof policyParts.parse> {
  const parsed = policyParts.safeParse(parseJson(text) ?? text);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalidPolicy(file, issue?.message ?? 'no policy', issue?.path.join('.'));
}

/** A policy file that cannot be used. */
export function invalidPolicy(file: string, found: string, column = ''): PipelineError {
  return new PipelineError({
    ...{ code: 'POLICY_INVALID', file, column, found },
    expected: 'a policy as docs/lifecycle.md describes it',
    fix: 'correct this field, or leave it out for the default',
  });
}

function presetPolicy({ minRows, minGain, minHeldOutRows, ...parts }: Preset['policy']) {
  const { gate } = DEFAULT_POLICY;
  return completePolicy(parts, {
    ...DEFAULT_POLICY,
    ...(minRows !== undefined && { minSamples: { rows: minRows, rowsPerClass: 0 } }),
    gate: {
      ...gate,
      minGain: minGain ?? gate.minGain,
      minHeldOutRows: minHeldOutRows ?? gate.minHeldOutRows,
    },
  });
}

/** Undefined for what is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
