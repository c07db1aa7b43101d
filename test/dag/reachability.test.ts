import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TRIGGER_RULES } from '../../contracts/states.js';
import { runOutcomes, type TaskOutcome } from '../../dag/outcomes.js';
import { unreachableTasks } from '../../dag/reachability.js';
import { aPlan, type TaskSketch } from '../builders/plan.js';

interface Drawn {
  readonly upstream: readonly boolean[];
  readonly rule: (typeof TRIGGER_RULES)[number];
  readonly kind: 'task' | 'branch' | 'short_circuit';
  readonly end: 'success' | 'failed' | 'skipped';
  readonly choice: number;
}

const drawn: fc.Arbitrary<Drawn> = fc.record({
  upstream: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
  rule: fc.constantFrom(...TRIGGER_RULES.filter((rule) => rule !== 'all_done_setup_success')),
  kind: fc.constantFrom('task', 'task', 'branch', 'short_circuit'),
  end: fc.constantFrom('success', 'success', 'failed', 'skipped'),
  choice: fc.nat(7),
});

test('a task that runs in some run is never called unreachable', () => {
  let unreachable = 0;
  fc.assert(
    fc.property(fc.array(drawn, { minLength: 3, maxLength: 8 }), (tasks) => {
      const after = tasks.map(({ upstream }, index) =>
        upstream.slice(0, index).flatMap((follows, other) => (follows ? [`t${other}`] : [])),
      );
      const downstream = (id: string): string[] =>
        after.flatMap((others, index) => (others.includes(id) ? [`t${index}`] : []));
      const sketches = tasks.map(({ rule, kind }, index): [string, TaskSketch] => [
        `t${index}`,
        {
          after: after[index]!, // made above
          rule,
          ...(kind === 'branch' && { branch: { cases: {} } }),
          ...(kind === 'short_circuit' && {
            shortCircuit: { ignoreDownstreamTriggerRules: index % 2 === 0 },
          }),
        },
      ]);
      const plan = aPlan(Object.fromEntries(sketches));
      const outcomes = tasks.map(({ kind, end, choice }, index): [string, TaskOutcome] => {
        const words = downstream(`t${index}`);
        if (end !== 'success' || kind === 'task') return [`t${index}`, end];
        if (kind === 'short_circuit') return [`t${index}`, { condition: choice % 2 === 0 }];
        return [`t${index}`, { choice: words.length === 0 ? [] : [words[choice % words.length]!] }]; // in range
      });
      const found = unreachableTasks(
        plan.tasks.map((task) => ({ ...task, tries: {} })),
        ({ id }) => downstream(id),
      ).map(({ task }) => task);
      unreachable += found.length;
      for (const order of ['waves', 'one by one'] as const) {
        const { tasks: ends } = runOutcomes(plan, Object.fromEntries(outcomes), order);
        const ran = found.filter((id) => ends[id] === 'success' || ends[id] === 'failed');
        expect(ran).toEqual([]);
      }
    }),
    { numRuns: 3_000 },
  );
  expect(unreachable).toBeGreaterThan(20);
});
