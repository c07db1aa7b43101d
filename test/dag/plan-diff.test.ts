import { describe, expect, test } from 'vitest';
import { outdatedTasks, planDiff, type PlanDiff } from '../../dag/plan-diff.js';
import { planHash } from '../../dag/plan-hash.js';
import type { Plan, PlanTask } from '../../dag/plan.js';
import { aPlan } from '../builders/plan.js';

const before: Plan = {
  ...aPlan({ load: {}, clean: { after: ['load'] }, each: { after: ['clean'], over: 'clean' } }),
  params: { week: '2022-W22', rounds: 3 },
};

function diffOf(from: Plan, to: Plan): PlanDiff {
  return planDiff({ plan: from, hash: planHash(from) }, { plan: to, hash: planHash(to) });
}

/** The plan with a task changed. */
function changed(id: string, change: Partial<PlanTask>): Plan {
  const tasks = before.tasks.map((task) => (task.id === id ? { ...task, ...change } : task));
  return { ...before, tasks };
}

function target(change: Record<string, unknown>): PlanTask['target'] {
  return { ...before.tasks[0]!.target, ...change }; // all are activities
}

test('equal plans differ in nothing', () => {
  const hash = planHash(before);
  const nothing = { fields: [], added: [], removed: [], changed: [] };
  expect(diffOf(before, before)).toEqual({ from: hash, to: hash, ...nothing });
});

test('tasks that come and go are named, and a moved edge is a change', () => {
  const after = aPlan({ load: {}, check: { after: ['load'] }, clean: { after: ['check'] } });
  expect(diffOf(before, after)).toMatchObject({
    added: ['check'],
    removed: ['each'],
    changed: [
      { task: 'clean', fields: [{ field: 'upstream', before: ['load'], after: ['check'] }] },
    ],
  });
});

test('fields of the plan are compared one by one, parameters by name', () => {
  const schedule = { cron: '0 4 * * 1', timeZone: 'UTC' };
  const params = { week: '2022-W23', depth: 8 };
  expect(diffOf(before, { ...before, schedule, params }).fields).toEqual([
    { field: 'params.depth', before: null, after: 8 },
    { field: 'params.rounds', before: 3, after: null },
    { field: 'params.week', before: '2022-W22', after: '2022-W23' },
    { field: 'schedule', before: null, after: schedule },
  ]);
});

test('a target is taken apart', () => {
  const after = changed('load', { target: target({ contract: 'new', timeoutMs: 1 }) });
  expect(diffOf(before, after).changed).toEqual([
    {
      task: 'load',
      fields: [
        { field: 'target.contract', before: 'none', after: 'new' },
        { field: 'target.timeoutMs', before: 10_000, after: 1 },
      ],
    },
  ]);
});

describe('an output of the earlier plan', () => {
  const each = before.tasks[2]!.map!; // mapped above
  test.each<[string, string, Partial<PlanTask>]>([
    ['another contract', 'load', { target: target({ contract: 'new' }) }],
    ['another activity', 'load', { target: target({ name: 'other' }) }],
    ['another input', 'load', { input: { value: 1 } }],
    ['another condition', 'load', { when: true }],
    ['another list to map over', 'each', { map: { ...each, over: [1] } }],
  ])('does not stand for a task with %s', (_, id, change) => {
    expect(outdatedTasks(diffOf(before, changed(id, change)))).toEqual([id]);
  });

  test.each<[string, string, Partial<PlanTask>]>([
    ['another queue', 'load', { target: target({ queue: 'cpu' }) }],
    ['other retries', 'load', { target: target({ retry: { maximumAttempts: 9 } }) }],
    ['other limits', 'load', { target: target({ timeoutMs: 1, deadlineMs: 2 }) }],
    ['another width', 'each', { map: { ...each, width: 9 } }],
    ['another rule', 'clean', { triggerRule: 'all_done' }],
    ['another summary', 'clean', { summary: 'clean up' }],
  ])('stands for a task with %s', (_, id, change) => {
    const diff = diffOf(before, changed(id, change));
    expect(diff.changed).toHaveLength(1);
    expect(outdatedTasks(diff)).toEqual([]);
  });
});
