import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RecordedRun } from '../../activities/known-runs.js';
import { staleReasons, type RunNow } from '../../activities/stale-runs.js';
import { homeLayout, type HomeLayout } from '../../contracts/home.js';
import { planHash } from '../../dag/plan-hash.js';
import type { Plan } from '../../dag/plan.js';
import { appendRows } from '../../feature-store/append-rows.js';
import { changedWeeks } from '../../feature-store/changed-weeks.js';
import { logEntry } from '../../feature-store/delta/snapshot.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { PREDICTIONS } from '../../feature-store/engine-tables.js';
import { tableFolder } from '../../feature-store/tables.js';
import { aPlan } from '../builders/plan.js';

const WEEK = '2022-W23';
const plan: Plan = {
  ...aPlan({ only: {} }, 'weekly'),
  partitions: 'iso-week',
  codeVersion: 'test',
};
const reads: Plan = { ...plan, reads: ['predictions'] };

let layout: HomeLayout;
let beforeMs: number;
let afterMs: number;
beforeAll(async () => {
  layout = homeLayout(await mkdtemp(join(tmpdir(), 'sentinel-stale-')));
  beforeMs = Date.now() - 1;
  await append(22);
  await append(23);
  await append(24);
  afterMs = Date.now() + 1;
});
afterAll(() => rm(layout.home, { recursive: true, force: true }));

const hash = planHash(plan);
const changed = 'predictions 2022-W23 changed at version 1, after its newest run';

test.each<{ of: string; run?: Partial<RecordedRun>; now?: Partial<RunNow>; reason?: string }>([
  { of: 'a run of the same plan, parameters and data' },
  {
    of: 'another plan',
    run: { planHash: '1a2b3c4d5e6f7788' },
    reason: `plan changed: 1a2b3c4d5e6f -> ${hash.slice(0, 12)}`,
  },
  {
    of: 'the same plan of another version of the code',
    run: { planHash: planHash({ ...plan, codeVersion: '0.1.0' }), codeVersion: '0.1.0' },
    reason: 'code changed: 0.1.0 -> test',
  },
  {
    of: 'another value of a parameter',
    now: { params: { preset: { rows: 7 } } },
    reason: 'parameter preset changed: {"rows":5} -> {"rows":7}',
  },
  { of: 'a parameter that nobody asks for', now: { params: {} } },
  {
    of: 'a table that the DAG does not read',
    run: { startedMs: 1, finishedMs: 2 },
  },
  {
    of: 'a newer run upstream',
    run: { startedMs: 1 },
    now: { upstream: [new Map([[WEEK, aRun({ dagRunId: 'ingest/2022-W23' })]])] },
    reason: 'ingest/2022-W23 succeeded again after its newest run',
  },
])('$of', async ({ run = {}, now = {}, reason }) => {
  expect(await reasonOf(run, { plan, ...now })).toBe(reason);
});

test('a table that changed for the partition after the start of the run', async () => {
  const planHashOfReads = planHash(reads);
  const before = { planHash: planHashOfReads, startedMs: beforeMs, finishedMs: afterMs };
  expect(await reasonOf(before, { plan: reads })).toBe(changed);
  expect(await reasonOf({ ...before, startedMs: afterMs }, { plan: reads })).toBeUndefined();
});

test('a day is stale when its week has changed, a listed key when anything has', async () => {
  const of = async (partitions: Plan['partitions'], partition: string) => {
    const now: Plan = { ...reads, partitions };
    const run = { planHash: planHash(now), startedMs: beforeMs, finishedMs: beforeMs, partition };
    return (await staleReasons(layout, [aRun(run)], { plan: now, params: {}, upstream: [] })).get(
      partition,
    );
  };
  expect(await of('day', '2022-06-08')).toBe(changed);
  expect(await of('day', '2022-05-08')).toBeUndefined();
  expect(await of({ keys: ['prague'] }, 'prague')).toMatch(/^predictions 2022-W24 changed/);
});

test('what a run writes itself does not make it stale', async () => {
  const tasks = plan.tasks.map((task) => ({ ...task, updates: ['predictions'] }));
  const writes: Plan = { ...reads, tasks };
  const during = { planHash: planHash(writes), startedMs: beforeMs, finishedMs: afterMs };
  expect(await reasonOf(during, { plan: writes })).toBeUndefined();
  expect(await reasonOf({ ...during, finishedMs: beforeMs }, { plan: writes })).toBe(changed);
});

test('a commit that only arranges the rows of a week anew changes nothing', async () => {
  const changes = await changedWeeks(layout.tables, 'predictions', beforeMs);
  expect([...changes].map(([week, { version }]) => [week, version])).toEqual([
    ['2022-W24', 2],
    ['2022-W23', 1],
    ['2022-W22', 0],
  ]);
  const partitionValues = { iso_year: '2022', iso_week: '22' };
  await writeFile(
    join(tableFolder(layout.tables, 'predictions'), logEntry(3)),
    [
      { commitInfo: { timestamp: Date.now(), operation: 'OPTIMIZE' } },
      { add: { path: 'compacted', partitionValues, size: 1, dataChange: false } },
    ]
      .map((line) => JSON.stringify(line))
      .join('\n'),
  );
  expect(await changedWeeks(layout.tables, 'predictions', beforeMs)).toEqual(changes);
});

test('a table that is not there has not changed', async () => {
  expect(await changedWeeks(layout.tables, 'no_such_table', 0)).toEqual(new Map());
});

async function reasonOf(run: Partial<RecordedRun>, now: Partial<RunNow>) {
  const reasons = await staleReasons(layout, [aRun(run)], {
    ...{ plan, params: { preset: { rows: 5 } }, upstream: [] },
    ...now,
  });
  return reasons.get(WEEK);
}

function aRun(run: Partial<RecordedRun>): RecordedRun {
  return {
    ...{ dagRunId: 'weekly/2022-W23', partition: WEEK, temporalRunId: 'test', state: 'success' },
    ...{ planHash: hash, codeVersion: 'test', params: { preset: { rows: 5 } } },
    ...{ startedMs: 1_000, finishedMs: 2_000 },
    ...run,
  };
}

async function append(week: number): Promise<void> {
  const db = await FeatureDb.open({ threads: 1 });
  await appendRows({
    db,
    tablesRoot: layout.tables,
    schema: PREDICTIONS,
    rows: [{ iso_year: 2022, iso_week: week, model: 'm' }],
    stagingDir: layout.staging,
  }).finally(() => db.close());
}
