/** Windows of generated flows, judged by a model of two of their weeks. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { judgeWindowJob, type JudgeRequest } from '../../../activities/jobs/judge-window.js';
import type { LocalModel } from '../../../activities/jobs/open-model.js';
import { isAbove } from '../../../contracts/signals.js';
import { weekStart } from '../../../dag/partitions.js';
import { driftingWeeks, type DriftingWeeks } from './drifting-weeks.js';
import { contextOf, preset } from './four-weeks.js';

const DAY_MS = 86_400_000;

let weeks: DriftingWeeks;

beforeAll(async () => {
  weeks = await driftingWeeks();
}, 120_000);
afterAll(() => weeks.home.close());

async function judge(partition: string, others: readonly LocalModel[] = []) {
  const length = partition.includes('W') ? 'week' : 'day';
  const startMs = length === 'week' ? weekStart(partition).getTime() : Date.parse(partition);
  const endMs = startMs + (length === 'week' ? 7 : 1) * DAY_MS;
  const window: JudgeRequest['window'] = { partition, length, startMs, endMs };
  const { home, split, serving } = weeks;
  const { version } = split.features;
  const context = await contextOf(home);
  const request = { serving, others, split, version, window, preset };
  const judged = await judgeWindowJob(request, context);
  const page = await readFile(path.join(context.stagingDir, 'drift.html'), 'utf8');
  return { ...judged, page };
}

const drifted = ({ findings }: Awaited<ReturnType<typeof judge>>): string[] =>
  findings.readings.filter(isAbove).map(({ signal }) => signal);

test('a week like those of the training is calm, one of another exporter drifted in most classes', async () => {
  const calm = await judge('2022-W24');
  expect(drifted(calm)).not.toContain('feature_severity');
  expect(calm.findings.causes.join()).not.toContain('exporter');
  const moved = await judge('2022-W25');
  expect(drifted(moved)).toEqual(expect.arrayContaining(['feature_severity', 'class_severity']));
  expect(moved.findings.causes[0]).toMatch(/^exporter change: most classes moved/);
  expect(moved.findings.movedClasses.length).toBeGreaterThan(2);
  expect(moved.findings.reportHash).not.toBe(calm.findings.reportHash);
});

test('the same window judged again is the same report', async () => {
  const [once, again] = [await judge('2022-W24'), await judge('2022-W24')];
  expect(again.findings).toEqual(once.findings);
});

test('every version answers every flow, and is scored on the same ones', async () => {
  const { findings, versions } = await judge('2022-W24', [{ ...weeks.serving, version: '2' }]);
  expect(findings.scores).toEqual([
    { version: '1', weightedF1: expect.any(Number) as number },
    { version: '2', weightedF1: findings.scores[0]?.weightedF1 },
  ]);
  for (const { staged, score } of versions) {
    const files = staged.map(({ file }) => `'${file}'`).join(', ');
    const [row] = await weeks.home.db.rows(
      `SELECT count(*)::INT AS n FROM read_parquet([${files}])`,
    );
    expect(row).toEqual({ n: findings.rows });
    expect(score).toMatchObject({ partition: '2022-W24' });
  }
});

test('a day is judged by its own flows, without shares and without predictions', async () => {
  const { findings, versions } = await judge('2022-06-14');
  const [row] = await weeks.home.db.rows(
    `SELECT count(*)::INT AS n FROM read_parquet('${weeks.home.tablesRoot}/flow_features/**/*.parquet', hive_partitioning = false)
     WHERE epoch_ms(time_first) // 86400000 = ${Date.parse('2022-06-14') / DAY_MS}`,
  );
  expect(findings.rows).toBe(row?.['n']);
  const signals = findings.readings.map(({ signal }) => signal);
  expect(signals).toContain('feature_severity');
  expect(signals).not.toContain('sni_kl');
  expect(versions.flatMap(({ staged }) => staged)).toEqual([]);
});

test('a window of few flows is not judged', async () => {
  const { findings, page } = await judge('2022-07-14');
  expect(findings).toMatchObject({ rows: 0, readings: [], scores: [], causes: [] });
  expect(page).toContain('not judged');
});

test('the page shows signals, causes, features and classes, and has no script', async () => {
  const { findings, page } = await judge('2022-W25');
  for (const text of [
    'feature_severity',
    findings.features[0]?.name,
    findings.movedClasses[0]?.name,
  ])
    expect(page).toContain(text);
  expect(page.match(/<svg/g)?.length).toBeGreaterThan(6);
  expect(page).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/);
});
