/** `up` that does not come to its end, and commands that cannot start: one JSON document each, and nothing left. */
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { createHome, type TestHome } from './sentinel.js';

let home: TestHome | undefined;
afterEach(() => home?.remove());

test('an interrupted `up` says so in its document, and leaves nothing running', async () => {
  home = await createHome();
  const up = home.up();
  await up.says(/running/);
  up.process.kill('SIGINT');
  const { code, stdout } = await up.finished;
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ errors: [{ code: 'RUN_INTERRUPTED' }] });
  expect(home.processes()).toEqual([]);
});

test('`up` on a worker that cannot start ends with its log, and leaves nothing running', async () => {
  const fault = fileURLToPath(new URL('broken-worker.mjs', import.meta.url));
  home = await createHome({ env: { NODE_OPTIONS: `--import ${fault}` } });
  const { code, stdout } = await home.up('--once').finished;
  expect(code).toBe(1);
  const { errors } = JSON.parse(stdout) as { errors: { code: string; found: string }[] }; // of `reportError`
  expect(errors).toMatchObject([{ code: 'SERVER_NOT_READY' }]);
  expect(errors[0]?.found).toMatch(/the worker ended 3 times .*the disk is gone/s);
  expect(home.processes()).toEqual([]);
});

test.each([
  [2, 'CLI_USAGE', ['runs', 'list', '--limit', 'abc']],
  [2, 'CLI_USAGE', ['bench', 'engine', '--pairs', 'abc']],
  [2, 'CLI_USAGE', ['run', 'weekly', '--partition', 'foo']],
  [2, 'CLI_USAGE', ['run', 'weekly', '--partition', '2022-W53']],
  [1, 'DAG_UNKNOWN', ['run', 'nosuchdag']],
  [1, 'DAG_UNKNOWN', ['run', 'schedule-tick']], // the engine's own
  [2, 'CLI_USAGE', ['runs', 'list', '--limit', '0']],
  [1, 'HOME_NOT_RUNNING', ['run', 'ingest']],
  [1, 'RUN_UNKNOWN', ['runs', 'show', 'weekly/2022-W23']],
])('exit code %i, %s: sentinel %j', async (exitCode, code, args) => {
  home = await createHome({ flows: false });
  const finished = await home.run(...args, '--json');
  expect(JSON.parse(finished.stdout)).toMatchObject({ errors: [{ code }] });
  expect(finished.code).toBe(exitCode);
});
