import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTerminal, TRIGGER_RULES } from '../../contracts/states.js';
import { fold } from '../../dag/fold.js';
import { newRun } from '../../dag/run-record.js';
import { aPlan, type TaskSketch } from '../builders/plan.js';
import { drive } from '../builders/drive.js';

const states = (record: { tasks: { [id: string]: { state: string } } }) =>
  Object.fromEntries(Object.entries(record.tasks).map(([id, { state }]) => [id, state]));

describe('a run', () => {
  it('runs a chain in order and succeeds', () => {
    const { record, started } = drive(aPlan({ a: {}, b: { after: ['a'] }, c: { after: ['b'] } }));
    expect(started).toEqual(['a[0]', 'b[0]', 'c[0]']);
    expect(record.state).toBe('success');
  });

  it('marks what depends on a failed task and fails when a last task is hit', () => {
    const plan = aPlan({ a: {}, b: { after: ['a'] }, c: { after: ['b'] }, d: {} });
    const { record } = drive(plan, ({ task }) => (task === 'a' ? 'failed' : 'success'));
    expect(states(record)).toEqual({
      a: 'failed',
      b: 'upstream_failed',
      c: 'upstream_failed',
      d: 'success',
    });
    expect(record.state).toBe('failed');
    expect(record.tasks['b']?.reason).toContain('all_success');
    expect(record.tasks['b']?.reason).toContain('a=failed');
  });

  it('succeeds when a task after the failed one runs whatever happened', () => {
    const plan = aPlan({ a: {}, b: { after: ['a'], rule: 'all_done' } });
    const { record } = drive(plan, ({ task }) => (task === 'a' ? 'failed' : 'success'));
    expect(record.state).toBe('success');
  });

  it('skips a task whose condition is false, and all that needs its success', () => {
    const plan = aPlan({
      a: { when: false },
      b: { after: ['a'] },
      c: { after: ['b'], rule: 'none_failed' },
    });
    const { record } = drive(plan);
    expect(states(record)).toEqual({ a: 'skipped', b: 'skipped', c: 'success' });
  });

  it('maps over elements with bounded width and goes on after a failed instance', () => {
    const plan = aPlan({ a: { over: 5, width: 2 }, b: { after: ['a'] } });
    const all = drive(plan);
    expect(all.started).toHaveLength(6);
    expect(all.widest).toBe(2);
    const one = drive(plan, ({ task, index }) =>
      task === 'a' && index === 1 ? 'failed' : 'success',
    );
    expect(one.record.tasks['a']?.instances.map(({ state }) => state)).toEqual([
      'success',
      'failed',
      'success',
      'success',
      'success',
    ]);
    expect(states(one.record)).toEqual({ a: 'failed', b: 'upstream_failed' });
    expect(one.record.tasks['a']?.reason).toBe('1 of 5 failed: INTERNAL: told to fail');
  });

  it('skips a mapped task that has nothing to map over', () => {
    const { record } = drive(aPlan({ a: { over: 0 }, b: { after: ['a'], rule: 'none_failed' } }));
    expect(states(record)).toEqual({ a: 'skipped', b: 'success' });
  });

  it('starts nothing more once it is cancelled, and ends when the last task has', () => {
    const plan = aPlan({ a: {}, b: { after: ['a'] } });
    const start = newRun(plan, { dagRunId: 'x', planHash: 'x', partition: '', params: {} });
    const running = fold(plan, start, { kind: 'run_started', atMs: 1 }).record;
    const cancelling = fold(plan, running, { kind: 'cancel_requested', atMs: 2 });
    expect(cancelling.record.state).toBe('running');
    expect(cancelling.commands).toEqual([
      { kind: 'cancel', task: 'a' },
      { kind: 'task_ended', task: 'b', state: 'skipped' },
    ]);
    const error = { code: 'TASK_CANCELLED', message: 'cancelled' };
    const key = { task: 'a', index: 0 };
    const end = fold(plan, cancelling.record, {
      kind: 'instances_ended',
      ends: [{ key, end: { state: 'failed', error } }],
      atMs: 3,
    });
    expect(end.record.state).toBe('cancelled');
    expect(end.commands.at(-1)).toEqual({ kind: 'finish', state: 'cancelled', output: null });
    expect(states(end.record)).toEqual({ a: 'failed', b: 'skipped' });
  });

  it('hears a second report of the same instance without effect', () => {
    const plan = aPlan({ a: {}, b: { after: ['a'] } });
    const start = newRun(plan, { dagRunId: 'x', planHash: 'x', partition: '', params: {} });
    const key = { task: 'a', index: 0 };
    const ended = (output: number) =>
      ({
        kind: 'instances_ended',
        ends: [{ key, end: { state: 'success', output } }],
        atMs: 2,
      }) as const;
    const once = fold(plan, fold(plan, start, { kind: 'run_started', atMs: 1 }).record, ended(1));
    const twice = fold(plan, once.record, ended(2));
    expect(twice.commands).toEqual([]);
    expect(twice.record).toEqual(once.record);
  });
});

/** Rules that may start a task before all its upstream tasks have ended. */
const EARLY: readonly string[] = ['one_success', 'one_failed', 'one_done', 'always'];

describe('any plan, any outcome, any order', () => {
  const sketch = fc.array(
    fc.record({
      rule: fc.constantFrom(...TRIGGER_RULES),
      upstream: fc.array(fc.nat(), { maxLength: 3 }),
      over: fc.option(fc.nat(4), { nil: undefined }),
      width: fc.integer({ min: 1, max: 3 }),
      fails: fc.boolean(),
      when: fc.option(fc.boolean(), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 12 },
  );

  it('ends with every task settled, in an order that respects its rules, the same for the same order of events', () => {
    fc.assert(
      fc.property(sketch, fc.nat(), (tasks, seed) => {
        const plan = aPlan(
          Object.fromEntries(
            tasks.map((task, index): [string, TaskSketch] => [
              `t${index}`,
              {
                rule: task.rule,
                width: task.width,
                after: index === 0 ? [] : [...new Set(task.upstream.map((n) => `t${n % index}`))],
                ...(task.over !== undefined && { over: task.over }),
                ...(task.when !== undefined && { when: task.when }),
              },
            ]),
          ),
        );
        const fails = new Set(tasks.flatMap((task, index) => (task.fails ? [`t${index}`] : [])));
        const run = (): ReturnType<typeof drive> => {
          let picks = 0;
          const outcome = ({ task }: { task: string }) => (fails.has(task) ? 'failed' : 'success');
          return drive(plan, outcome, (count) => (seed * ++picks) % count);
        };
        const first = run();
        const second = run();

        expect(first.record.state).not.toBe('running');
        for (const task of plan.tasks) {
          const record = first.record.tasks[task.id];
          expect(isTerminal(record?.state ?? 'none')).toBe(true);
          if (record?.startedMs == null || EARLY.includes(task.triggerRule)) continue;
          for (const id of task.upstream) {
            expect(first.record.tasks[id]?.finishedMs ?? Infinity).toBeLessThanOrEqual(
              record.startedMs,
            );
          }
        }
        expect(new Set(first.started).size).toBe(first.started.length);
        expect(second).toEqual(first);
      }),
      { numRuns: 500 },
    );
  });

  it('does not change what it was handed', () => {
    const plan = aPlan({ a: { over: 3 }, b: { after: ['a'] } });
    const before = newRun(plan, { dagRunId: 'x', planHash: 'x', partition: '', params: {} });
    const copy = structuredClone(before);
    fold(plan, before, { kind: 'run_started', atMs: 0 });
    expect(before).toEqual(copy);
  });
});
