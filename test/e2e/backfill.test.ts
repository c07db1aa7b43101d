/** `sentinel backfill` as a user types it, on a home without flow files: its runs do little. */
import { mkdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BackfillView } from '../../contracts/backfill.js';
import { createHome, type Finished, type TestHome } from './sentinel.js';

const ID = 'backfill/weekly/2021-W01..2021-W03';
const RANGE = ['backfill', 'weekly', '--from', '2021-W01', '--to', '2021-W03'];

let home: TestHome;
beforeAll(async () => {
  home = await createHome({ flows: false });
  await mkdir(home.input);
}, 60_000);
afterAll(() => home.remove());

describe('while nothing runs on the home', () => {
  test('the dry run plans from the tables, and says so', async () => {
    const { code, stdout, stderr } = await home.run(...RANGE, '--dry-run', '--json');
    expect(code).toBe(0);
    expect(actions(stdout)).toEqual(['run: never run', 'run: never run', 'run: never run']);
    expect(stderr).toMatch(/nothing runs on this home: planned from its own tables/);
  });

  test.each([
    { args: RANGE, code: 1, says: 'HOME_NOT_RUNNING' },
    { args: ['backfill', 'show', ID], code: 1, says: 'BACKFILL_UNKNOWN' },
    { args: ['backfill'], code: 2, says: 'CLI_USAGE: no DAG' },
    { args: ['backfill', 'weekly', '--from', '2021-W01'], code: 2, says: 'weekly without --to' },
    { args: [...RANGE, '--max-active', '0'], code: 2, says: '--max-active 0' },
    { args: [...RANGE, '--reprocess', 'all'], code: 2, says: 'none, failed, completed, stale' },
    {
      args: ['backfill', 'weekly', '--from', '2021-W03', '--to', '2021-W01'],
      code: 2,
      says: 'a range from 2021-W03 to 2021-W01',
    },
    {
      args: ['backfill', 'ingest', '--from', '2021-W03', '--to', '2021-W04'],
      code: 2,
      says: 'whose runs have no partition',
    },
  ])('what cannot be done ends with $code: $says', async ({ args, code, says }) => {
    const finished = await home.run(...args);
    expect(finished.stderr).toContain(says);
    expect(finished.code).toBe(code);
  });
});

test('a backfill is started, followed, listed, shown, and done only once', async () => {
  const up = home.up();
  await up.says(/Ctrl-C ends it/);
  const first = await home.run(...RANGE, '--wait', '--json');
  expect(first.code).toBe(0);
  expect(first.stderr).toMatch(/weekly\/2021-W02 success {2}\(never run\)/);
  const view = viewOf(first);
  expect(view).toMatchObject({ backfillId: ID, state: 'success' });
  expect(view.rows.map(({ state }) => state)).toEqual(['success', 'success', 'success']);

  const dry = await home.run(...RANGE, '--dry-run', '--reprocess', 'stale', '--json');
  expect(actions(dry.stdout)).toEqual(
    Array(3).fill('skip: a run has succeeded, and nothing it used has changed'),
  );
  const elsewhere = [
    '--param',
    'input=/no/such/folder',
    '--reprocess',
    'stale',
    '--max-active',
    '1',
  ];
  const failed = await home.run(...RANGE, ...elsewhere, '--wait', '--json');
  expect(failed.code).toBe(1);
  expect(viewOf(failed).rows.map(({ state }) => state)).toEqual(['failed', 'not_run', 'not_run']);
  const paused = await home.run('backfill', 'pause', ID);
  expect(paused.stderr).toContain('BACKFILL_UNKNOWN');
  expect(paused.code).toBe(1);

  up.process.kill('SIGINT');
  await up.finished;
  const show = await home.run('backfill', 'show', 'weekly/2021-W01..2021-W03', '--json');
  expect(viewOf(show)).toEqual(viewOf(failed));
  const list = await home.run('backfill', 'list', '--json');
  expect(JSON.parse(list.stdout)).toMatchObject([
    { backfillId: ID, state: 'failed', done: '3/3' },
    { backfillId: ID, state: 'success', done: '3/3' },
  ]);
  const none = await home.run(...RANGE, '--dry-run', '--json');
  expect(actions(none.stdout).map((text) => text.split(':')[0])).toEqual(['skip', 'skip', 'skip']);
}, 240_000);

function viewOf({ stdout }: Finished): BackfillView {
  return JSON.parse(stdout) as BackfillView; // the command's own document
}

function actions(stdout: string): string[] {
  const { rows } = JSON.parse(stdout) as { rows: { action: string; reason: string }[] }; // its own too
  return rows.map(({ action, reason }) => `${action}: ${reason}`);
}
