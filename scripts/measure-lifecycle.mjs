#!/usr/bin/env node
/**
 * `node scripts/measure-lifecycle.mjs --out DIR [--seeds 1,2,3] [--apps 40] [--flows-per-week 3000]`: what the
 * lifecycle is worth in a generated year with the events of 2022, against a frozen model and a monthly one.
 *
 * A promotion lowered the next week when macro-F1 fell by more than .005, the gate's tolerance, in the seven days after
 * the retraining, and was not rolled back. What is done stands in DIR and is not done again.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { execFileSync } from 'node:child_process';

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    seeds: { type: 'string', default: '1,2,3' },
    apps: { type: 'string', default: '40' },
    'flows-per-week': { type: 'string', default: '3000' },
    threads: { type: 'string', default: '2' },
    policy: { type: 'string' },
  },
});
if (values.out === undefined) throw new Error('--out DIR is needed');
const TOLERANCE = 0.005;
const out = resolve(values.out);
const program = resolve(import.meta.dirname, '..', 'dist', 'cli', 'main.js');
const sentinel = (...args) =>
  execFileSync(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
  });
await mkdir(out, { recursive: true });
const rows = {};
for (const seed of values.seeds.split(',')) {
  const year = join(out, `year-${seed}`);
  const found = join(out, `simulation-${seed}.json`);
  if (!existsSync(found)) {
    sentinel(
      ...['generate', '--out', year, '--weeks', '2022-W01..2022-W52', '--seed', seed],
      ...['--apps', values.apps, '--flows-per-week', values['flows-per-week']],
      ...['--volume', 'year', '--event', 'tls-year22', '--compression', 'none', '--json'],
    );
    const policy = values.policy === undefined ? [] : ['--policy', values.policy];
    const args = ['--input', year, '--threads', values.threads, ...policy, '--json'];
    await writeFile(found, sentinel('lifecycle', 'simulate', ...args));
  }
  rows[seed] = rowOf(JSON.parse(await readFile(found, 'utf8')));
}
console.table(rows);

function rowOf({ weeks, frozen, calendar, loop, retrains, decisions }) {
  const promoted = retrains.filter((one) => one.promoted);
  const takenBack = new Set(
    decisions.flatMap(({ kind, evidence }) => (kind === 'roll_back' ? [evidence.from] : [])),
  );
  return {
    weeks: weeks.length,
    frozen: frozen.meanWeightedF1.toFixed(3),
    calendar: calendar.meanWeightedF1.toFixed(3),
    loop: loop.meanWeightedF1.toFixed(3),
    'retrains of the calendar': calendar.retrains,
    'of the loop': loop.retrains,
    promoted: promoted.length,
    'rolled back': loop.rollbacks,
    'lowered the next week': promoted.filter(
      ({ challenger, gainNextWeek }) =>
        gainNextWeek !== null && gainNextWeek.macroF1 < -TOLERANCE && !takenBack.has(challenger),
    ).length,
  };
}
