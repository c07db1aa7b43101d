import { describe, expect, test } from 'vitest';
import { runsCommand } from '../../cli/commands/runs.js';
import { runCommand } from '../cli/run-command.js';
import { canUnpack, servePackedHome, shown } from './packed-home.js';

describe.skipIf(!canUnpack)('a home of 0.4.0 (skipped where zstd is not installed)', () => {
  const home = servePackedHome('v0.4.0');

  test.each([
    { run: 'weekly/2022-W27', state: 'success' },
    { run: 'weekly/2022-W25', state: 'success' }, // a tick
    { run: 'weekly/2021-W04', state: 'success' }, // a backfill
    { run: 'train/2022-W27', state: 'success' },
    { run: 'branched/1', state: 'success' },
    { run: 'short-circuit/1', state: 'success' },
    { run: 'approval/1', state: 'success' },
    { run: 'teardown/1', state: 'failed' },
    { run: 'callback/1', state: 'success' },
    { run: 'mapped/1', state: 'success' },
    { run: 'long/1', state: 'success' },
  ])('shows $run as $state', async ({ run, state }) => {
    expect(await shown(run)).toMatchObject({ state });
  });

  test('tells a rerun from the run before, and all instances of a map in batches', async () => {
    const { rerunOf, tasks } = await shown('branched/1');
    expect(rerunOf).not.toBeNull();
    expect(tasks.map(({ task, tries }) => [task, tries])).toEqual([
      ['route', 0],
      ['left', 1],
      ['right', 0],
      ['join', 1],
    ]);
    expect(
      await home
        .engine()
        .rows(
          `SELECT count(*) AS n FROM task_runs WHERE dag_run_id = 'mapped/1' AND state = 'success'`,
        ),
    ).toEqual([{ n: 510 }]);
  });

  test.each([
    { run: 'branched/1', from: 'join', tasks: ['join'] },
    { run: 'approval/1', from: 'last', tasks: ['last'] },
    { run: 'long/1', from: 't58', tasks: ['t58', 't59'] },
  ])('goes on from $run on its own plan', async ({ run, from, tasks }) => {
    const before = await shown(run);
    const args = [run, '--from', from, '--wait', '--json'];
    expect(await runCommand(runsCommand, 'rerun', ...args)).toMatchObject({
      state: 'success',
      rerunOf: before.temporalRunId,
      diff: null,
      tasks,
    });
  });
});
