#!/usr/bin/env node
/**
 * `node scripts/measure-drift.mjs --out DIR [--seeds 1,2,3,4,5] [--sizes 2000,20000,200000] [--weeks 20]
 * [--only null|power]`: how often each signal is above its threshold when nothing changes, and how soon it is after
 * an event.
 *
 * Null: generated worlds of 180 apps without drift; a light model learns three weeks, and each week that follows is
 * judged. A share of one in a hundred is what a threshold at the 99 % quantile gives, less where the floor is higher.
 *
 * Power: the same worlds with one event each at 20,000 flows a week; days (and weeks, for what is judged by weeks)
 * from the event until the first that is above, and the error that had been reached by then.
 *
 * What is done stands in DIR and is not done again, so a run that was stopped goes on. On two cores 200,000 flows a
 * week take about twenty minutes a seed, 20,000 four, and an event four.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { generateFlows } from '../dist/activities/jobs/generate-flows.js';
import { readRawFlows } from '../dist/activities/jobs/read-raw-flows.js';
import { SimulatedFlows, SimulatedVersion } from '../dist/activities/jobs/simulated-version.js';
import { seededRandom } from '../dist/contracts/seeded-random.js';
import { weekRange, weekStart } from '../dist/dag/partitions.js';
import { judgeWindow } from '../dist/domain/drift/judge-window.js';

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    seeds: { type: 'string', default: '1,2,3,4,5' },
    sizes: { type: 'string', default: '2000,20000,200000' },
    weeks: { type: 'string', default: '20' },
    threads: { type: 'string', default: '2' },
    only: { type: 'string' },
  },
});
if (values.out === undefined) throw new Error('--out DIR is needed');
const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
const FIRST = '2022-W10';
const KNOWN_WEEKS = 3;
/** More train no better model here, and take longer. */
const TRAINED_FLOWS = 60_000;
const LIGHT = { rounds: 60, earlyStoppingRounds: 10, eta: 0.2, maxDepth: 6, maxBin: 64 };
/** What is looked for after each event. */
const EVENTS = {
  'exporter@2022-W14-3': ['feature_severity', 'error_rise'],
  'certificate@2022-W14': ['class_severity', 'feature_severity', 'error_rise'],
  'new-app@2022-W14': ['reject_rise', 'error_rise'],
  'new-app-far@2022-W14': ['reject_rise', 'error_rise'],
  'tls13@2022-W14': ['class_severity', 'feature_severity', 'error_rise'],
  'rename@2022-W14': ['sni_kl', 'feature_severity', 'error_rise'],
  'volume@2022-W14': ['class_mix', 'feature_severity', 'error_rise'],
};
const out = resolve(values.out);
const seeds = values.seeds.split(',').map(Number);
const threads = Number(values.threads);
await mkdir(out, { recursive: true });

if (values.only !== 'power') {
  for (const flowsPerWeek of values.sizes.split(',').map(Number)) {
    const alarms = {};
    let judged = 0;
    for (const seed of seeds) {
      const last = weekRange(FIRST, '2022-W52')[KNOWN_WEEKS + Number(values.weeks) - 1];
      const world = { seed, flowsPerWeek, weeks: weekRange(FIRST, last), events: [] };
      for (const { readings } of await judgedWindows(`null-${flowsPerWeek}-${seed}`, world, [
        'week',
      ])) {
        judged += 1;
        for (const { signal, value, threshold } of readings)
          alarms[signal] = (alarms[signal] ?? 0) + (value > threshold ? 1 : 0);
      }
    }
    console.log(`without drift, ${flowsPerWeek} flows a week: weeks above of ${judged}`);
    console.table(alarms);
  }
}
if (values.only !== 'null') {
  const rows = [];
  for (const event of Object.keys(EVENTS)) {
    for (const seed of seeds) {
      const world = {
        seed,
        flowsPerWeek: 20_000,
        weeks: weekRange(FIRST, '2022-W20'),
        events: [event],
      };
      const windows = await judgedWindows(`${event}-${seed}`, world, ['day', 'week']);
      rows.push({ event, seed, ...delays(windows, event) });
    }
  }
  console.table(rows);
}

/** Days from the event to the end of the first window above, by signal; the least error by then. */
function delays(windows, event) {
  const startMs = eventStart(event);
  const row = {};
  for (const signal of EVENTS[event]) {
    const above = windows.find(
      ({ endMs, readings }) =>
        endMs > startMs &&
        readings.some((one) => one.signal === signal && one.value > one.threshold),
    );
    row[signal] = above === undefined ? 'never' : `${(above.endMs - startMs) / DAY_MS} d`;
    if (above !== undefined) row[`${signal}: error`] = above.error.toFixed(3);
  }
  const before = windows.filter(({ endMs, length }) => endMs <= startMs && length === 'week');
  row['error before'] = (before.reduce((sum, one) => sum + one.error, 0) / before.length).toFixed(
    3,
  );
  row['error at last'] = windows
    .filter(({ length }) => length === 'week')
    .at(-1)
    .error.toFixed(3);
  return row;
}

function eventStart(event) {
  const [, week, day = '1'] = /@(\d+-W\d+)(?:-(\d))?/.exec(event);
  return weekStart(week).getTime() + (Number(day) - 1) * DAY_MS;
}

/** Readings of each window behind the known weeks, in order of their ends. */
async function judgedWindows(name, world, lengths) {
  const file = join(out, `${name}.json`);
  if (existsSync(file)) return JSON.parse(await readFile(file, 'utf8'));
  const scratchDir = join(out, `${name}-scratch`);
  await rm(scratchDir, { recursive: true, force: true });
  const input = join(scratchDir, 'raw');
  await generateFlows({ ...world, weeklyDrift: false, outDir: input, compression: 'none' });
  const { flows: set } = await readRawFlows(input, {
    scratchDir,
    threads,
    progress: () => undefined,
  });
  await rm(scratchDir, { recursive: true });
  const flows = new SimulatedFlows(set);
  const order = [...set.timeFirstMs.keys()].sort((a, b) => set.timeFirstMs[a] - set.timeFirstMs[b]);
  const within = (fromMs, toMs) =>
    order.filter((row) => set.timeFirstMs[row] >= fromMs && set.timeFirstMs[row] < toMs);
  const startMs = weekStart(FIRST).getTime();
  const version = await versionOf(
    flows,
    within(startMs, startMs + KNOWN_WEEKS * WEEK_MS),
    world.seed,
  );
  const windows = [];
  const endMs = startMs + world.weeks.length * WEEK_MS;
  for (const length of lengths) {
    const ms = length === 'day' ? DAY_MS : WEEK_MS;
    for (let at = startMs + KNOWN_WEEKS * WEEK_MS; at < endMs; at += ms) {
      const rows = within(at, at + ms);
      const { answered } = version.answer(rows);
      const { readings, causes } = judgeWindow({
        ...{ reference: version.reference, current: flows.windowOf(rows, version.bins) },
        ...{ classes: flows.names, heldOut: version.heldOut, answered },
        withShares: length === 'week',
      });
      const error = answered.right.reduce((sum, right) => sum + 1 - right, 0) / rows.length;
      windows.push({ length, endMs: at + ms, readings, causes, error });
    }
    process.stderr.write(`${name}: ${length}s judged\n`);
  }
  version.dispose();
  windows.sort((a, b) => a.endMs - b.endMs);
  await writeFile(file, JSON.stringify(windows));
  return windows;
}

/** A light model of some of the flows; what is compared with are all of them. */
async function versionOf(flows, rows, seed) {
  const random = seededRandom(seed, 'trained');
  const share = Math.min(1, TRAINED_FLOWS / rows.length);
  const cut = Math.floor(rows.length * 0.75);
  const train = rows.slice(0, cut);
  return SimulatedVersion.train(
    'light',
    flows,
    {
      train: train.filter(() => random.uniform() < share),
      validation: rows.slice(cut),
      reference: train,
    },
    { boosting: LIGHT, seed, setupDir: '.cache/setup', threads },
  );
}
