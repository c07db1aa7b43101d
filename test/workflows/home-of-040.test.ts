import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runsCommand } from '../../cli/commands/runs.js';
import { homeLayout } from '../../contracts/home.js';
import { runCommand } from '../cli/run-command.js';
import { startEngine, type EngineEnvironment } from './engine-environment.js';

const ARCHIVE = fileURLToPath(new URL('../homes/v0.4.0.tar.zst', import.meta.url));
const canUnpack = ['/usr/bin/zstd', '/usr/local/bin/zstd', '/opt/homebrew/bin/zstd'].some(
  existsSync,
);

interface Shown {
  readonly state: string;
  readonly rerunOf: string | null;
  readonly temporalRunId: string;
  readonly tasks: readonly { task: string; state: string; tries: number; note: string }[];
}

describe.skipIf(!canUnpack)('a home of 0.4.0 (skipped where zstd is not installed)', () => {
  let folder: string;
  let engine: EngineEnvironment;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sentinel-home-040-'));
    execFileSync('tar', ['--zstd', '-xf', ARCHIVE, '-C', folder]);
    const layout = homeLayout(join(folder, 'home'));
    engine = await startEngine({ layout, dags: [], noop: async ({ value }) => ({ value }) });
    vi.stubEnv('SENTINEL_HOME', layout.home);
    vi.stubEnv('TEMPORAL_ADDRESS', engine.server.address);
  }, 60_000);
  afterAll(async () => {
    vi.unstubAllEnvs();
    await engine.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const show = async (run: string): Promise<Shown> =>
    (await runCommand(runsCommand, 'show', run, '--json')) as Shown;

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
    expect(await show(run)).toMatchObject({ state });
  });

  test('tells a rerun from the run before, and all instances of a map in batches', async () => {
    const { rerunOf, tasks } = await show('branched/1');
    expect(rerunOf).not.toBeNull();
    expect(tasks.map(({ task, tries }) => [task, tries])).toEqual([
      ['route', 0],
      ['left', 1],
      ['right', 0],
      ['join', 1],
    ]);
    expect(
      await engine.rows(
        `SELECT count(*) AS n FROM task_runs WHERE dag_run_id = 'mapped/1' AND state = 'success'`,
      ),
    ).toEqual([{ n: 510 }]);
  });

  test.each([
    { run: 'branched/1', from: 'join', tasks: ['join'] },
    { run: 'approval/1', from: 'last', tasks: ['last'] },
    { run: 'long/1', from: 't58', tasks: ['t58', 't59'] },
  ])('goes on from $run on its own plan', async ({ run, from, tasks }) => {
    const before = await show(run);
    const args = [run, '--from', from, '--wait', '--json'];
    expect(await runCommand(runsCommand, 'rerun', ...args)).toMatchObject({
      state: 'success',
      rerunOf: before.temporalRunId,
      diff: null,
      tasks,
    });
  });
});
