/** The DAGs and native workflows of this code, by the names a user types. */
import { compiledPlans } from '../activities/compiled-plans.js';
import { PipelineError } from '../contracts/errors.js';
import type { HomeLayout } from '../contracts/home.js';
import type { JsonObject } from '../contracts/json.js';
import { checkGiven, resolveParams } from '../dag/params.js';
import { describePartitions, isPartition } from '../dag/partitions.js';
import type { Plan } from '../dag/plan.js';
import { nativeWorkflows } from '../pipelines/index.js';
import { installationParams } from './installation-params.js';

/**
 * The plan of a DAG.
 *
 * @throws PipelineError DAG_UNKNOWN
 */
export function planOf(id: string): Plan {
  const plans = compiledPlans();
  const plan = plans.get(id);
  if (plan !== undefined) return plan;
  throw unknownDag(id, [...plans.keys()]);
}

/**
 * Refuses a run that could only wait for ever or fail: Temporal itself takes any name.
 *
 * @param layout of the home that the run is for
 * @param partition empty for none
 * @throws PipelineError DAG_UNKNOWN, DAG_BAD_PARAM, CLI_USAGE for a partition of another kind than the DAG's
 */
export async function checkRun(
  layout: HomeLayout,
  id: string,
  partition: string,
  params: JsonObject,
): Promise<void> {
  if (nativeWorkflows.includes(id)) return;
  const plans = compiledPlans();
  const plan = plans.get(id);
  if (plan === undefined) throw unknownDag(id, [...plans.keys(), ...nativeWorkflows]);
  await checkParams(layout, plan, params);
  if (plan.partitions === 'none' || isPartition(plan.partitions, partition)) return;
  throw new PipelineError({
    code: 'CLI_USAGE',
    found: partition === '' ? `${id} without --partition` : `--partition ${partition}`,
    expected: describePartitions(plan.partitions),
    fix: `write it as \`sentinel run ${id} --partition PARTITION\``,
  });
}

/**
 * Refuses what a run is given before it starts, and what it would miss where the home's defaults are known.
 *
 * @throws PipelineError DAG_BAD_PARAM
 */
export async function checkParams(
  layout: HomeLayout,
  plan: Plan,
  given: JsonObject,
): Promise<void> {
  const defaults = await installationParams(layout);
  if (defaults === undefined) checkGiven(plan, given);
  else resolveParams(plan, defaults, given);
}

function unknownDag(id: string, known: readonly string[]): PipelineError {
  return new PipelineError({
    code: 'DAG_UNKNOWN',
    found: `no DAG "${id}"`,
    expected: `one of ${known.join(', ')}`,
    fix: 'see `sentinel dags list`',
  });
}
