import { describe, expect, test } from 'vitest';
import { dagsCommand } from '../../cli/commands/dags.js';
import { runsCommand } from '../../cli/commands/runs.js';
import { runCommand } from '../cli/run-command.js';
import { canUnpack, servePackedHome, shown } from './packed-home.js';

describe.skipIf(!canUnpack)('a home of 0.3.0 (skipped where zstd is not installed)', () => {
  const home = servePackedHome('v0.3.0');

  test('lists and shows its runs', async () => {
    const runs = (await runCommand(runsCommand, 'list', '--json')) as { run: string }[];
    expect(runs.map(({ run }) => run)).toEqual([
      'monitor/2022-W27',
      'retrain/2022-W26',
      'monitor/2022-W26',
      'train/2022-W27',
      'weekly/2022-W27',
    ]);
    const weekly = await shown('weekly/2022-W27');
    expect(weekly).toMatchObject({ state: 'success', rerunOf: null });
    expect(weekly.tasks.find(({ task }) => task === 'parse')).toMatchObject({ tries: 6 });
    const monitor = await shown('monitor/2022-W27');
    expect(monitor.tasks.at(-1)).toMatchObject({ task: 'await_decision', state: 'skipped' });
  });

  test('says what the plan of this version would do otherwise, without starting it', async () => {
    const args = ['weekly/2022-W27', '--from', 'report', '--plan', 'latest', '--dry-run', '--json'];
    expect(await runCommand(runsCommand, 'rerun', ...args)).toMatchObject({
      state: 'not started',
      temporalRunId: null,
      diff: { from: expect.stringMatching(/^01d7ec50/) as string },
    });
  });

  test('goes on from a run on its own plan, and tells of both afterwards', async () => {
    const before = await shown('weekly/2022-W27');
    const args = ['weekly/2022-W27', '--from', 'find_stale_weeks', '--only', '--wait', '--json'];
    const rerun = (await runCommand(runsCommand, 'rerun', ...args)) as { temporalRunId: string };
    expect(rerun).toMatchObject({
      state: 'success',
      rerunOf: before.temporalRunId,
      diff: null,
      tasks: ['find_stale_weeks'],
    });
    const after = await shown('weekly/2022-W27');
    expect(after).toMatchObject({
      temporalRunId: rerun.temporalRunId,
      rerunOf: before.temporalRunId,
    });
    expect(after.tasks.filter(({ tries }) => tries > 0)).toMatchObject([
      { task: 'find_stale_weeks', state: 'success', tries: 1, note: '' },
    ]);
    const [run, ...options] = ['weekly/2022-W27', '--run', before.temporalRunId, '--json'];
    expect(await runCommand(runsCommand, 'show', run, ...options)).toEqual(before);
    const logs = (await runCommand(runsCommand, 'logs', 'weekly/2022-W27', '--json')) as object[];
    expect(logs[0]).toMatchObject({ task: 'find_stale_weeks', try: 1, level: 'task' });
    await expect(runCommand(runsCommand, 'logs', run, ...options)).rejects.toMatchObject({
      code: 'TASK_LOG_NOT_FOUND',
    });
  }, 30_000);

  test('is asked in vain for what does not fit a closed run', async () => {
    const code = (...args: string[]) =>
      runCommand(runsCommand, ...args).then(
        () => 'done',
        (error: unknown) => (error as { code: string }).code,
      );
    expect(await code('rerun', 'train/2022-W27')).toBe('RERUN_NOTHING');
    expect(await code('rerun', 'weekly/1999-W01')).toBe('RUN_UNKNOWN');
    expect(await code('rerun', 'weekly/2022-W27', '--plan', 'older')).toBe('CLI_USAGE');
    expect(await code('pause', 'train/2022-W27')).toBe('RUN_NOT_OPEN');
    expect(await code('cancel', 'train/2022-W27')).toBe('RUN_NOT_OPEN');
    expect(await code('approve', 'train/2022-W27', '--list')).toBe('RUN_NOT_OPEN');
    expect(await code('list', '--state', 'great')).toBe('CLI_USAGE');
    const mark = ['mark', 'weekly/2022-W27', 'find_stale_weeks'];
    expect(await code(...mark, 'splendid')).toBe('CLI_USAGE');
    expect(await code(...mark, 'success', '--output', '{"batches": 3}')).toBe(
      'TASK_OUTPUT_INVALID',
    );
    expect(await code(...mark, 'success', '--output', '{')).toBe('CLI_USAGE');
  });

  test("pauses a DAG's schedule with a person's note, and lets it go on", async () => {
    const { client } = home.engine().server;
    await expect(runCommand(dagsCommand, 'pause', 'weekly')).rejects.toMatchObject({
      code: 'DAG_NOT_SCHEDULED',
    });
    await client.schedule.create({
      scheduleId: 'weekly',
      spec: { intervals: [{ every: '1 day' }] },
      action: {
        type: 'startWorkflow',
        workflowType: 'schedule-tick',
        taskQueue: 'control',
        args: [{ dag: 'weekly' }],
      },
    });
    const state = async () => (await client.schedule.getHandle('weekly').describe()).state;
    await runCommand(dagsCommand, 'pause', 'weekly', '--note', 'holidays', '--runs', '--json');
    expect(await state()).toMatchObject({
      paused: true,
      note: expect.stringMatching(/^\S+: holidays$/) as string,
    });
    await runCommand(dagsCommand, 'resume', 'weekly', '--json');
    expect((await state()).paused).toBe(false);
  });
});
