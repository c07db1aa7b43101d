/** Random DAGs end here as Airflow's own scheduler ends them; test/golden/airflow-runs.py made the vectors. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { TriggerRule } from '../../contracts/states.js';
import { runOutcomes, type Order, type TaskOutcome } from '../../dag/outcomes.js';
import type { Plan } from '../../dag/plan.js';
import { aPlan, type TaskSketch } from '../builders/plan.js';

interface VectorTask {
  readonly id: string;
  readonly upstream: readonly string[];
  readonly rule: TriggerRule;
  readonly kind: 'task' | 'branch' | 'short_circuit' | 'setup' | 'teardown';
  readonly map?: { readonly length: number } | { readonly over: string };
  readonly ignoreDownstreamTriggerRules?: boolean;
  readonly setups?: readonly string[];
  readonly onFailureFailRun?: boolean;
}

interface End {
  readonly expected: { readonly [id: string]: string | readonly string[] };
  readonly run: string;
}

interface Vector extends End {
  readonly feature: string;
  readonly tasks: readonly VectorTask[];
  readonly outcomes: { readonly [id: string]: TaskOutcome };
  readonly waves: readonly (readonly string[])[];
  readonly oneByOne?: End;
}

const { cases } = JSON.parse(
  readFileSync(
    process.env['VECTORS'] ?? new URL('../golden/airflow-runs.json', import.meta.url),
    'utf8',
  ),
) as { cases: readonly Vector[] }; // written by airflow-runs.py

test('there are at least 2,000 of them', () => {
  expect(cases.length).toBeGreaterThanOrEqual(2_000);
});

describe.each([...new Set(cases.map(({ feature }) => feature))])('%s', (feature) => {
  const of = cases.filter((vector) => vector.feature === feature);

  test.each(['waves', 'one by one'] as const)('ends in %s as in Airflow', (order) => {
    const wrong = of.flatMap((vector, index) => {
      const difference = differenceOf(vector, order);
      return difference === undefined ? [] : [`${feature} ${index}: ${difference}`];
    });
    expect(wrong).toEqual([]);
  });
});

function differenceOf(vector: Vector, order: Order): string | undefined {
  const plan = planOf(vector);
  const end = order === 'waves' ? vector : (vector.oneByOne ?? vector);
  const got = runOutcomes(plan, vector.outcomes, order);
  const states = Object.entries(end.expected).filter(([id, want]) => {
    const instances = got.instances[id] ?? [got.tasks[id]];
    // a literal map of Airflow has its instances from the start, ours when it starts
    const expected =
      typeof want === 'string' ? [want] : got.instances[id] ? want : [...new Set(want)];
    return JSON.stringify(instances) !== JSON.stringify(expected);
  });
  const waves = order === 'waves' && JSON.stringify(got.waves) !== JSON.stringify(vector.waves);
  if (states.length === 0 && got.state === end.run && !waves) return undefined;
  return JSON.stringify({ ...vector, got: { ...got, reasons: undefined } });
}

function planOf({ tasks }: Vector): Plan {
  const sketch = (task: VectorTask): TaskSketch => ({
    after: task.upstream,
    rule: task.rule,
    width: 100,
    setup: task.kind === 'setup',
    ...(task.map !== undefined && { over: 'over' in task.map ? task.map.over : task.map.length }),
    ...(task.kind === 'branch' && { branch: { cases: {} } }),
    ...(task.kind === 'short_circuit' && {
      shortCircuit: { ignoreDownstreamTriggerRules: task.ignoreDownstreamTriggerRules ?? true },
    }),
    ...(task.kind === 'teardown' && {
      teardown: { setups: task.setups ?? [], onFailureFailRun: task.onFailureFailRun ?? false },
    }),
  });
  return aPlan(Object.fromEntries(tasks.map((task) => [task.id, sketch(task)])));
}
