#!/usr/bin/env node
/**
 * `node scripts/measure-drift.mjs --out DIR [--seeds 1,2,3,4,5] [--sizes 2000,20000,200000] [--weeks 20]
 * [--only null|power] [--threads 1]`: how often each signal is above its threshold when nothing changes, and how soon
 * it is after an event.
 *
 * Null: generated worlds of 180 apps without drift; a light model learns three weeks, and each week that follows is
 * judged. A share of one in a hundred is what a threshold at the 99 % quantile gives, less where the floor is higher.
 *
 * Power: the same worlds and models with one event each at 20,000 flows a week; days from the event until the first
 * window above, and how much the error had risen by then. Weeks are judged, and the first seven days after a sudden
 * event. `weekly-drift` is a world that changes a little every week, also while the model learns.
 *
 * What is done stands in DIR and is not done again, so a run that was stopped goes on. Files have the thresholds of
 * chance alone; the floors in use are applied when the tables are made.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { generateFlowSet } from '../dist/activities/jobs/generate-flow-set.js';
import { SimulatedFlows, SimulatedVersion } from '../dist/activities/jobs/simulated-version.js';
import { seededRandom } from '../dist/contracts/seeded-random.js';
import { SIGNALS } from '../dist/contracts/signals.js';
import { weekRange, weekStart } from '../dist/dag/partitions.js';
import { quantile } from '../dist/domain/drift/distances.js';
import { judgeWindow, WINDOW_POLICY } from '../dist/domain/drift/judge-window.js';
import { createWorld } from '../dist/domain/traffic/generator-world.js';
import { joinFlows } from '../dist/feature-store/read-flows.js';

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
const KNOWN = ['2022-W10', '2022-W11', '2022-W12'];
/** More train no better model here, and take longer. */
const TRAINED_FLOWS = 60_000;
const LIGHT = { rounds: 30, earlyStoppingRounds: 10, eta: 0.3, maxDepth: 6, maxBin: 64 };
const POWER_FLOWS = 20_000;
/** Judged after each event: days, then whole weeks from its own on; ramps end after four. */
const EVENTS = {
  'exporter@2022-W14-3': { days: 7, weeks: 2 },
  'certificate@2022-W14': { days: 7, weeks: 2 },
  'new-app@2022-W14': { days: 0, weeks: 5 },
  'new-app-far@2022-W14': { days: 0, weeks: 5 },
  'tls13@2022-W14': { days: 0, weeks: 5 },
  'rename@2022-W14': { days: 0, weeks: 2 },
  'volume@2022-W14': { days: 0, weeks: 2 },
};
const WEEKLY_DRIFT = 'weekly-drift';
const WEEKLY_DRIFT_WEEKS = 6;
const NO_FLOORS = Object.fromEntries(SIGNALS.map((signal) => [signal, 0]));

const out = resolve(values.out);
const seeds = values.seeds.split(',').map(Number);
const sizes = values.sizes.split(',').map(Number);
const nullWeeks = weekRange('2022-W13', '2022-W52').slice(0, Number(values.weeks));
await mkdir(out, { recursive: true });
const isNull = values.only !== 'power';
const isPower = values.only !== 'null' && sizes.includes(POWER_FLOWS);
for (const flowsPerWeek of sizes)
  for (const seed of seeds)
    await measureWorld({ seed, flowsPerWeek, weeklyDrift: false }, [
      ...(isNull
        ? [{ file: nullFile(flowsPerWeek, seed), weeks: nullWeeks, events: [], days: 0 }]
        : []),
      ...(isPower && flowsPerWeek === POWER_FLOWS ? eventParts(seed) : []),
    ]);
if (isPower)
  for (const seed of seeds)
    await measureWorld({ seed, flowsPerWeek: POWER_FLOWS, weeklyDrift: true }, [
      {
        ...{ file: powerFile(WEEKLY_DRIFT, seed), events: [], days: 0 },
        weeks: nullWeeks.slice(0, WEEKLY_DRIFT_WEEKS),
      },
    ]);
if (isNull) for (const flowsPerWeek of sizes) await printNull(flowsPerWeek);
if (isPower) for (const event of [...Object.keys(EVENTS), WEEKLY_DRIFT]) await printPower(event);

function eventParts(seed) {
  return Object.entries(EVENTS).map(([event, { days, weeks }]) => ({
    ...{ file: powerFile(event, seed), events: [event], days },
    weeks: weekRange('2022-W14', '2022-W52').slice(0, weeks),
  }));
}

/** Writes the windows of one world and its events, where they are missing: one version judges all. */
async function measureWorld({ seed, flowsPerWeek, weeklyDrift }, parts) {
  const missing = parts.filter(({ file }) => !existsSync(file));
  if (missing.length === 0) return;
  const flowsOf = (events, weeks) =>
    generateFlowSet(createWorld({ seed, weeklyDrift, events }), weeks, flowsPerWeek);
  const [calm, changed] = [true, false].map((isCalm) =>
    missing.filter(({ events }) => (events.length === 0) === isCalm),
  );
  const sets = [
    flowsOf([], [...KNOWN, ...calm.flatMap(({ weeks }) => weeks)]),
    ...changed.map(({ weeks, events }) => flowsOf(events, weeks)),
  ];
  const flows = new SimulatedFlows(sets.length === 1 ? sets[0] : joinFlows(sets));
  let first = 0;
  const rows = sets.map((set) => {
    const own = rowsInOrder(set, first);
    first += set.n;
    return own;
  });
  const within = (own, startMs, endMs) =>
    own.filter(
      (row) => flows.set.timeFirstMs[row] >= startMs && flows.set.timeFirstMs[row] < endMs,
    );
  const known = within(rows[0], weekStart(KNOWN[0]).getTime(), weekStart(nullWeeks[0]).getTime());
  const version = await versionOf(flows, known, seed);
  for (const part of [...calm, ...changed]) {
    const own = rows[changed.indexOf(part) + 1]; // the first are the calm ones
    const windows = spansOf(part).map(({ length, startMs, endMs }) => ({
      ...{ length, endMs, ...judge(flows, version, within(own, startMs, endMs), length) },
    }));
    await writeFile(part.file, JSON.stringify(windows));
    process.stderr.write(`${part.file}\n`);
  }
  version.dispose();
}

/** Windows in order of their ends. */
function spansOf({ weeks, events, days }) {
  const spans = weeks.map((week) => {
    const startMs = weekStart(week).getTime();
    return { length: 'week', startMs, endMs: startMs + WEEK_MS };
  });
  for (const event of events) {
    for (let day = 0; day < days; day++) {
      const startMs = eventStart(event) + day * DAY_MS;
      spans.push({ length: 'day', startMs, endMs: startMs + DAY_MS });
    }
  }
  return spans.sort((a, b) => a.endMs - b.endMs);
}

function judge(flows, version, rows, length) {
  const { answered } = version.answer(rows);
  const { readings, newServices } = judgeWindow({
    ...{ reference: version.reference, current: flows.windowOf(rows, version.bins) },
    ...{ classes: flows.names, heldOut: version.heldOut, answered },
    withShares: length === 'week',
    policy: { floors: NO_FLOORS },
  });
  const error = answered.right.reduce((sum, right) => sum + 1 - right, 0) / rows.length;
  return { error, readings, newServices };
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
    { boosting: LIGHT, seed, setupDir: '.cache/setup', threads: Number(values.threads) },
  );
}

/** Rows of a set that begins at `first`, by time. */
function rowsInOrder({ timeFirstMs }, first) {
  return [...timeFirstMs.keys()]
    .sort((a, b) => timeFirstMs[a] - timeFirstMs[b])
    .map((row) => first + row);
}

/** Weeks above the threshold in use, by signal, and what was reached. */
async function printNull(flowsPerWeek) {
  const windows = (
    await Promise.all(seeds.map((seed) => read(nullFile(flowsPerWeek, seed))))
  ).flat();
  console.log(`without drift, ${flowsPerWeek} flows a week, ${windows.length} weeks`);
  console.table(
    Object.fromEntries(
      SIGNALS.map((signal) => {
        const readings = windows.flatMap((one) =>
          one.readings.filter((of) => of.signal === signal),
        );
        const row = {
          above: readings.filter(isAbove).length,
          'above chance': readings.filter(({ value, threshold }) => value > threshold).length,
          'highest value': Math.max(...readings.map(({ value }) => value)).toFixed(4),
          'median of chance': quantile(
            readings.map(({ threshold }) => threshold),
            0.5,
          ).toFixed(4),
          floor: WINDOW_POLICY.floors[signal],
        };
        return [signal, row];
      }),
    ),
  );
}

/** Of each signal: how many worlds it noticed the event in, after how many days, and the error by then. */
async function printPower(event) {
  const worlds = await Promise.all(seeds.map((seed) => read(powerFile(event, seed))));
  const eventMs = eventStart(event);
  const rise = ({ readings }) => readings.find(({ signal }) => signal === 'error_rise').value;
  const last = worlds.map((windows) => rise(windows.at(-1)));
  console.log(`${event}: the error rises by ${spread(last)} in the last week`);
  const rows = {};
  for (const signal of SIGNALS) {
    const found = worlds.flatMap((windows) => {
      const isFound = (one) => one.signal === signal && isAbove(one);
      const first = windows.find((one) => one.endMs > eventMs && one.readings.some(isFound));
      return first === undefined ? [] : [first];
    });
    if (found.length === 0) continue;
    const days = found.map(({ endMs }) => (endMs - eventMs) / DAY_MS).sort((a, b) => a - b);
    rows[signal] = {
      worlds: `${found.length} of ${worlds.length}`,
      days: days.join(', '),
      'rise of the error': spread(found.map(rise)),
    };
  }
  console.table(rows);
}

function spread(numbers) {
  return `${Math.min(...numbers).toFixed(3)} to ${Math.max(...numbers).toFixed(3)}`;
}

function isAbove({ signal, value, threshold }) {
  return value > Math.max(threshold, WINDOW_POLICY.floors[signal]);
}

function eventStart(event) {
  if (event === WEEKLY_DRIFT) return weekStart(nullWeeks[0]).getTime();
  const [, week, day = '1'] = /@(\d+-W\d+)(?:-(\d))?/.exec(event);
  return weekStart(week).getTime() + (Number(day) - 1) * DAY_MS;
}

function nullFile(flowsPerWeek, seed) {
  return join(out, `null-${flowsPerWeek}-${seed}.json`);
}

function powerFile(event, seed) {
  return join(out, `${event}-${seed}.json`);
}

async function read(file) {
  return JSON.parse(await readFile(file, 'utf8'));
}
