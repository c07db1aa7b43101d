import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { REPROCESS, type PlannedRun, type Reprocess } from '../../contracts/backfill.js';
import {
  backfillPartitions,
  planBackfill,
  planCascade,
  requireRoom,
  type KnownRun,
} from '../../dag/backfill.js';
import { downstreamDags, upstreamDags } from '../../dag/downstream-dags.js';
import { weekRange } from '../../dag/partitions.js';
import type { Plan } from '../../dag/plan.js';
import { aPlan } from '../builders/plan.js';

const W1 = '2022-W01';
const weekly: Plan = { ...aPlan({ only: {} }, 'weekly'), partitions: 'iso-week' };

const success: KnownRun = { state: 'success', succeeded: true };
const stale: KnownRun = { ...success, stale: 'plan changed: 1a2b -> 3c4d' };
const failed: KnownRun = { state: 'failed', succeeded: false };
const failedAfterSuccess: KnownRun = { state: 'failed', succeeded: true };
const cancelled: KnownRun = { state: 'cancelled', succeeded: false };
const open: KnownRun = { state: 'running', succeeded: false };

const cases: readonly {
  readonly of: string;
  readonly known: KnownRun | undefined;
  readonly actions: Readonly<Record<Reprocess, PlannedRun['action']>>;
}[] = [
  {
    of: 'a partition that was never run',
    known: undefined,
    actions: { none: 'run', failed: 'run', completed: 'run', stale: 'run' },
  },
  {
    of: 'an open run',
    known: open,
    actions: { none: 'join', failed: 'join', completed: 'join', stale: 'join' },
  },
  {
    of: 'a success',
    known: success,
    actions: { none: 'skip', failed: 'skip', completed: 'run', stale: 'skip' },
  },
  {
    of: 'a stale success',
    known: stale,
    actions: { none: 'skip', failed: 'skip', completed: 'run', stale: 'run' },
  },
  {
    of: 'a failure',
    known: failed,
    actions: { none: 'skip', failed: 'run', completed: 'run', stale: 'run' },
  },
  {
    of: 'a cancelled run',
    known: cancelled,
    actions: { none: 'skip', failed: 'run', completed: 'run', stale: 'run' },
  },
  {
    of: 'a failure after a success',
    known: failedAfterSuccess,
    actions: { none: 'skip', failed: 'run', completed: 'run', stale: 'skip' },
  },
];

describe.each(REPROCESS)('--reprocess %s', (reprocess) => {
  it.each(cases)('$of', ({ known, actions }) => {
    const [planned] = plan([W1], reprocess, known === undefined ? [] : [[W1, known]]);
    expect(planned?.action).toBe(actions[reprocess]);
    expect(planned?.reason).not.toBe('');
  });
});

test('a new run may follow only what the policy has seen', () => {
  const follows = (known?: KnownRun) =>
    plan([W1], 'completed', known === undefined ? [] : [[W1, known]])[0]?.follows;
  expect([follows(), follows(failed), follows(success)]).toEqual([
    undefined,
    'unsuccessful',
    'any',
  ]);
});

test('a stale partition says what changed', () => {
  expect(plan([W1], 'stale', [[W1, stale]])[0]?.reason).toBe('plan changed: 1a2b -> 3c4d');
});

test('the plan of [a, b) is those of [a, m) and [m, b), in reverse too', () => {
  const all = weekRange('2022-W01', '2022-W30');
  const knownRun = fc.constantFrom(undefined, success, stale, failed, cancelled, open);
  fc.assert(
    fc.property(
      fc.array(knownRun, { minLength: all.length, maxLength: all.length }),
      fc.nat({ max: all.length }),
      fc.constantFrom(...REPROCESS),
      fc.boolean(),
      (states, cut, reprocess, reverse) => {
        const known = all.flatMap((week, index) => {
          const state = states[index];
          return state === undefined ? [] : [[week, state] as const];
        });
        const halves = [all.slice(0, cut), all.slice(cut)].map((weeks) =>
          plan(weeks, reprocess, known, reverse),
        );
        const inOrder = reverse ? halves.reverse() : halves;
        expect(inOrder.flat()).toEqual(plan(all, reprocess, known, reverse));
      },
    ),
  );
});

describe('a range', () => {
  it('has both of its ends', () => {
    const range = { from: '2021-W52', to: '2022-W02' };
    expect(backfillPartitions(weekly, range)).toEqual(['2021-W52', '2022-W01', '2022-W02']);
  });

  it.each([
    { from: '2022-W02', to: '2022-W01', found: 'a range from 2022-W02 to 2022-W01' },
    { from: '2022-W00', to: '2022-W01', found: 'partition "2022-W00"' },
    { from: '2022-W01', to: '2022-W53', found: 'partition "2022-W53"' },
    { from: '2022-01-01', to: '2022-W53', found: 'partition "2022-01-01"' },
  ])('$from to $to is refused', ({ from, to, found }) => {
    expect(() => backfillPartitions(weekly, { from, to })).toThrow(found);
  });

  it('is refused for a DAG without partitions', () => {
    const none = aPlan({ only: {} }, 'none');
    expect(() => backfillPartitions(none, { from: W1, to: W1 })).toThrow('BACKFILL_INVALID');
  });

  it('may not be wider than its table can travel', () => {
    const [run] = plan([W1], 'none', []);
    expect(() => requireRoom(Array.from({ length: 10_001 }, () => run!))).toThrow('10001 runs'); // planned above
  });
});

describe('a cascade', () => {
  const updates = (dag: string, assets: readonly string[], by: readonly string[] = []): Plan => ({
    ...weekly,
    dag,
    tasks: weekly.tasks.map((task) => ({ ...task, updates: assets })),
    schedule: { assets: { any: by } },
  });
  const plans = [
    updates('report', [], ['scores', 'drift']),
    updates('drift', ['drift'], ['flows']),
    updates('score', ['scores'], ['flows']),
    updates('ingest', ['flows']),
    updates('other', ['else'], ['nothing']),
    { ...updates('timeless', [], ['flows']), partitions: 'none' as const },
  ];

  it('reaches the DAGs downstream with the same partitions, each after all that it follows', () => {
    expect(downstreamDags(plans, 'ingest').map(({ dag }) => dag)).toEqual([
      'score',
      'drift',
      'report',
    ]);
    expect(downstreamDags(plans, 'report')).toEqual([]);
  });

  it('runs what follows a run, and judges what follows none by itself', () => {
    const question = (dag: string, known: readonly (readonly [string, KnownRun])[] = []) => ({
      ...{ dag, partitions: ['2022-W01', '2022-W02'], reprocess: 'none' as const },
      ...{ reverse: false, known: new Map(known) },
    });
    const downstream = downstreamDags(plans, 'ingest');
    const planned = planCascade(
      planBackfill(question('ingest', [['2022-W01', success]])),
      downstream.map(({ dag }) => {
        return question(
          dag,
          dag === 'report' ? [] : ['2022-W01', '2022-W02'].map((of) => [of, success]),
        );
      }),
      new Map(downstream.map((of) => [of.dag, upstreamDags(plans, of).map(({ dag }) => dag)])),
    );
    expect(
      planned.map(({ dag, partition, action, after }) => [dag, partition, action, after]),
    ).toEqual([
      ['ingest', '2022-W01', 'skip', undefined],
      ['score', '2022-W01', 'skip', undefined],
      ['drift', '2022-W01', 'skip', undefined],
      ['report', '2022-W01', 'run', undefined],
      ['ingest', '2022-W02', 'run', undefined],
      ['score', '2022-W02', 'run', ['ingest/2022-W02']],
      ['drift', '2022-W02', 'run', ['ingest/2022-W02']],
      ['report', '2022-W02', 'run', ['drift/2022-W02', 'score/2022-W02']],
    ]);
  });
});

function plan(
  partitions: readonly string[],
  reprocess: Reprocess,
  known: readonly (readonly [string, KnownRun])[],
  reverse = false,
): PlannedRun[] {
  return planBackfill({ dag: 'weekly', partitions, reprocess, reverse, known: new Map(known) });
}
