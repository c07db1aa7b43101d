import { describe, expect, it } from 'vitest';
import { virtualRun, type VirtualOptions } from '../../dag/virtual-run.js';
import { DEFAULT_RETRY, readPlan, type Plan } from '../../dag/plan.js';
import { aPlan } from '../builders/plan.js';

const options: VirtualOptions = {
  ...{ dagRunId: 'x/2022-W10', planHash: '', partition: '2022-W10', params: {} },
  ...{ startMs: Date.UTC(2022, 2, 14), seed: 1, fail: {}, killWorker: [], approve: {} },
  outputOf: () => ({ value: 1 }),
  planOf: () => undefined,
};

const chain = withRetry(aPlan({ a: {}, b: { after: ['a'] }, c: { after: ['b'], over: 3 } }));

function withRetry(plan: Plan): Plan {
  const retry = { ...DEFAULT_RETRY, maximumAttempts: 3, jitter: 0.5 };
  return {
    ...plan,
    tasks: plan.tasks.map((task) =>
      task.target.kind === 'activity' ? { ...task, target: { ...task.target, retry } } : task,
    ),
  };
}

describe('a virtual run', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(virtualRun(chain, options)).toEqual(virtualRun(chain, options));
    expect(virtualRun(chain, { ...options, seed: 2 }).endMs).not.toBe(
      virtualRun(chain, options).endMs,
    );
  });

  it('repeats tries that are told to fail, after growing waits, until the rule allows no more', () => {
    const twice = virtualRun(chain, { ...options, fail: { b: 2 } });
    expect(twice.record.state).toBe('success');
    expect(twice.tries).toMatchObject({ a: 1, b: 3, 'c[0]': 1 });
    expect(twice.endMs).toBeGreaterThan(virtualRun(chain, options).endMs);
    const thrice = virtualRun(chain, { ...options, fail: { b: 3 } });
    expect(thrice.record.state).toBe('failed');
    expect(thrice.record.tasks['c']?.state).toBe('upstream_failed');
  });

  it('loses what is out when the worker is killed, and tries it again', () => {
    const { record, tries, timeline } = virtualRun(chain, { ...options, killWorker: [4] });
    expect(record.state).toBe('success');
    expect(tries).toMatchObject({ 'c[0]': 2, 'c[1]': 2, 'c[2]': 1 });
    expect(timeline.map(({ what }) => what)).toContain('the worker is killed');
  });

  it('runs the DAGs that its tasks run', () => {
    const outer = readPlan({
      format: 2,
      dag: 'outer',
      tasks: [
        {
          id: 'in',
          target: { kind: 'workflow', type: 'inner' },
          input: { partition: '', params: {} },
        },
      ],
    });
    const { record, timeline } = virtualRun(outer, { ...options, planOf: () => chain });
    expect(record.state).toBe('success');
    expect(timeline.map(({ what }) => what)).toContain('in > c[2] success');
  });

  it('lets an approval expire to its default, or fail, or wait for ever, or be answered', () => {
    const approval = (expiresMs: number | null, onExpiry: string | null): Plan =>
      readPlan({
        format: 2,
        dag: 'ask',
        tasks: [
          { id: 'ask', target: { kind: 'approval', options: ['yes', 'no'], expiresMs, onExpiry } },
        ],
        output: { $task: 'ask', path: ['option'] },
      });
    expect(virtualRun(approval(60_000, 'no'), options)).toMatchObject({
      output: 'no',
      endMs: options.startMs + 60_000,
    });
    expect(virtualRun(approval(60_000, null), options).record.state).toBe('failed');
    expect(virtualRun(approval(null, null), options).record.state).toBe('running');
    expect(virtualRun(approval(null, null), { ...options, approve: { ask: 'yes' } }).output).toBe(
      'yes',
    );
  });

  it('ends a run that takes too long, after its teardowns', () => {
    const plan = aPlan({
      make: { setup: true },
      work: { after: ['make'] },
      more: { after: ['work'] },
      clean: { after: ['make', 'more'], teardown: { setups: ['make'], onFailureFailRun: false } },
    });
    const { record } = virtualRun({ ...plan, timeoutMs: 61_000 }, { ...options, seed: 3 });
    expect(record.state).toBe('failed');
    expect(record.tasks['clean']?.state).toBe('success');
    expect(record.tasks['more']?.reason).toContain('longer than it may');
  });
});
