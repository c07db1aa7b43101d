/** A task's output as a person gives it, held against the task's schema before anything is told of it. */
import { PipelineError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';
import { taskContracts } from '../../contracts/schemas/tasks.js';
import { graphOf } from '../../dag/graph.js';
import type { Plan } from '../../dag/plan.js';

/**
 * Checks the output that a mark gives to a task; null, for none, is not checked.
 *
 * @throws PipelineError TASK_UNKNOWN, TASK_OUTPUT_INVALID
 */
export function checkMarkOutput(plan: Plan, id: string, output: Json): void {
  const graph = graphOf(plan);
  if (!graph.has(id)) {
    throw new PipelineError({
      code: 'TASK_UNKNOWN',
      found: `no task "${id}" in the plan of "${plan.dag}"`,
      expected: `one of ${plan.tasks.map((task) => task.id).join(', ')}`,
      fix: 'correct the name',
    });
  }
  const { target, map } = graph.task(id);
  if (output === null || target.kind !== 'activity') return;
  const contract = Object.entries(taskContracts).find(([name]) => name === target.name)?.[1];
  if (contract === undefined) return;
  const schema = map === null ? contract.output : contract.output.array();
  const result = schema.safeParse(output);
  if (result.success) return;
  const faults = result.error.issues.map(
    ({ path, message }) => `${['$', ...path].join('.')}: ${message}`,
  );
  throw new PipelineError({
    code: 'TASK_OUTPUT_INVALID',
    found: `as output of ${id}: ${faults.join('; ')}`,
    expected:
      map === null ? `what ${target.name} returns` : `a list of what ${target.name} returns`,
    fix: 'correct --output, or leave it out where no task reads it',
  });
}
