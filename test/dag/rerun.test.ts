import { describe, expect, test } from 'vitest';
import type { TaskState } from '../../contracts/states.js';
import type { Plan } from '../../dag/plan.js';
import {
  changedContracts,
  keptTasks,
  tasksBehindMark,
  tasksToMend,
  tasksToRerun,
} from '../../dag/rerun.js';
import type { Instance, TaskRecord } from '../../dag/run-record.js';
import { aPlan } from '../builders/plan.js';

const plan = aPlan({
  load: {},
  clean: { after: ['load'] },
  train: { after: ['clean'] },
  report: { after: ['load'] },
});

function ended(state: TaskState, reason = '', instances: readonly Instance[] = []): TaskRecord {
  return { state, reason, startedMs: null, finishedMs: 1, instances };
}

/** Records of all tasks, `success` where nothing else is said. */
function records(of: Plan, states: Record<string, TaskRecord>): Record<string, TaskRecord> {
  return Object.fromEntries(of.tasks.map(({ id }) => [id, states[id] ?? ended('success')]));
}

const element: Instance = {
  state: 'success',
  input: 1,
  output: 1,
  error: null,
  summary: '',
  startedMs: 1,
  finishedMs: 2,
};

describe('without names, a rerun mends', () => {
  test.each<[string, TaskRecord, boolean]>([
    ['failed', ended('failed', 'MLFLOW_HTTP'), true],
    ['was given up', ended('upstream_failed'), true],
    ['never came to a decision', ended('none'), true],
    ['was skipped when the run was cancelled', ended('skipped', 'the run was cancelled'), true],
    ['was skipped by the time limit', ended('skipped', 'the run took longer than it may'), true],
    [
      'has elements that the end of the run left out',
      ended('success', '', [
        element,
        { ...element, state: 'skipped', startedMs: null, finishedMs: null },
      ]),
      true,
    ],
    ['succeeded', ended('success', '', [element]), false],
    ['was skipped by a branch', ended('skipped', 'choose chose "b"'), false],
    ['was marked skipped', ended('skipped', 'marked skipped by alice'), false],
    [
      'has an element that skipped itself',
      ended('success', '', [element, { ...element, state: 'skipped' }]),
      false,
    ],
  ])('a task that %s: %#', (_, record, mended) => {
    const tasks = records(plan, { clean: record });
    expect(tasksToMend(plan, { tasks })).toEqual(mended ? ['clean'] : []);
  });

  test('a task that the earlier plan did not have', () => {
    const { clean: _, ...tasks } = records(plan, {});
    expect(tasksToMend(plan, { tasks })).toEqual(['clean']);
  });
});

describe('a rerun from a task', () => {
  test.each<[string[], boolean, string[]]>([
    [['clean'], true, ['clean', 'train']],
    [['clean'], false, ['clean']],
    [['report', 'train'], true, ['train', 'report']],
    [['load'], true, ['load', 'clean', 'train', 'report']],
  ])('%j, downstream %s', (from, downstream, tasks) => {
    expect(tasksToRerun(plan, from, { downstream })).toEqual(tasks);
  });

  test('makes what a setup makes again, and takes it away again', () => {
    const withSetup = aPlan({
      make: { setup: true },
      use: { after: ['make'] },
      take: {
        after: ['use', 'make'],
        teardown: { setups: ['make'], onFailureFailRun: false },
      },
      other: {},
    });
    expect(tasksToRerun(withSetup, ['use'], { downstream: false })).toEqual([
      'make',
      'use',
      'take',
    ]);
  });
});

test('a mark runs what did not end well behind it, and nothing beside it', () => {
  const tasks = records(plan, {
    clean: ended('failed'),
    train: ended('upstream_failed'),
    report: ended('failed'),
  });
  expect(tasksBehindMark(plan, { tasks }, 'clean')).toEqual(['train']);
});

test('a rerun keeps the other records, and what a person said of a mapped task is one mark for each element', () => {
  const mapped = aPlan({ load: {}, each: { after: ['load'], over: 2 }, last: { after: ['each'] } });
  const before = records(mapped, { each: ended('failed'), last: ended('upstream_failed') });
  const mark = { state: 'success', output: [7, 8], reason: 'marked', atMs: 9 } as const;
  const kept = keptTasks(mapped, before, { tasks: ['last'], marks: { each: mark } });
  expect(Object.keys(kept)).toEqual(['load', 'each']);
  expect(kept['each']).toMatchObject({ state: 'success', finishedMs: 9 });
  expect(kept['each']?.instances.map(({ output }) => output)).toEqual([7, 8]);
});

test('a contract that has changed, or an activity that is gone, is named by its tasks', () => {
  const ids = ['load', 'clean'];
  expect(changedContracts(plan, ids, { noop: { contract: 'none' } })).toEqual([]);
  expect(changedContracts(plan, ids, { noop: { contract: 'new' } })).toEqual(ids);
  expect(changedContracts(plan, ['train'], {})).toEqual(['train']);
});
