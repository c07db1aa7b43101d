import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import {
  classifyFile,
  type ClassifiedFile,
  type ClassifyRequest,
} from '../../../activities/jobs/classify-file.js';
import { listSources } from '../../../feature-store/sources/list-sources.js';
import { RAW_COLUMNS } from '../../../feature-store/sources/flow-columns.js';
import { aHome, flowCsv, type StoreHome } from '../../feature-store/store-builders.js';
import {
  aTrainedModel,
  anEnsemble,
  contextOf,
  flowsOfWeek,
  fourWeeks,
  watchedBy,
} from './four-weeks.js';

const MONDAY = '06-27';
const UNLABELLED = RAW_COLUMNS.map(({ name }) => name).filter(
  (name) => name !== 'APP' && name !== 'CATEGORY',
);

async function aModelAndFile(home: StoreHome, csv: string) {
  const split = await fourWeeks(home);
  const model = await aTrainedModel(home, split);
  const file = await home.file('new.csv', csv);
  return { model, file };
}

async function classify(
  home: StoreHome,
  file: string,
  request: Pick<ClassifyRequest, 'model'> & Partial<ClassifyRequest>,
): Promise<ClassifiedFile & { out: string }> {
  const [source] = (await listSources([file], undefined, 'optional')).flows;
  if (!source) throw new Error('no source');
  const out = path.join(home.root, 'out.parquet');
  const asked = { source, out, target: 'APP', maxRejected: '100%', ...request } as const;
  const said = await classifyFile(
    { force: false, allProbabilities: false, ...asked },
    { ...(await contextOf(home)), scratchDir: home.staging() },
  );
  return { ...said, out: asked.out };
}

test('a file is labelled as the weekly run labels the same flows', async () => {
  const home = await aHome();
  const csv = flowCsv(flowsOfWeek(MONDAY, 3));
  const split = await fourWeeks(home);
  const model = await anEnsemble(home, split);
  const file = await home.file('new.csv', csv);
  const { versions } = await watchedBy(home, split, model);
  const weekly = versions[0]!; // the serving one answers
  const files = weekly.staged.map((one) => `'${one.file}'`).join(', ');
  const expected = await home.db.rows(
    `SELECT predicted, probability, rejected FROM read_parquet([${files}]) ORDER BY source_row`,
  );
  const said = await classify(home, file, { model });
  const rows = await home.db.rows(
    `SELECT predicted, probability::FLOAT AS probability, rejected FROM '${said.out}'`,
  );
  expect(rows).toEqual(expected);
  expect(said).toMatchObject({ rowsRead: 61, rowsClassified: 61, rowsRejected: 0, faults: [] });
  expect(said.rowsUnknown).toBe(rows.filter(({ rejected }) => rejected).length);
  expect(said.rowsUnknown).toBeGreaterThan(0);
  expect(said.score).toMatchObject({ rows: 61, accuracy: weekly.score?.accuracy });
  expect(said.labels.reduce((sum, { rows: n }) => sum + n, 0)).toBe(61);
});

test('a model of tunnels tells them, by category or application, from all others', async () => {
  const home = await aHome();
  const withTunnels = (day: string, week: number): Record<string, string>[] =>
    flowsOfWeek(day, week).map((flow, i) =>
      i % 2 === 1 ? { ...flow, CATEGORY: 'VPN', BYTES: String(90_000 + i) } : flow,
    );
  const model = await aTrainedModel(home, await fourWeeks(home, withTunnels), 'VPN');
  const file = await home.file('new.csv', flowCsv(withTunnels(MONDAY, 3)));
  const { labels, score } = await classify(home, file, { model, target: 'VPN' });
  expect(labels).toEqual([
    { label: 'other', rows: 31 },
    { label: 'vpn', rows: 30 },
  ]);
  expect(score).toMatchObject({ rows: 61, accuracy: 1 });
  const bare = flowCsv(withTunnels(MONDAY, 3), UNLABELLED);
  const unlabelled = await classify(home, await home.file('bare.csv', bare), {
    ...{ model, target: 'VPN', force: true },
  });
  expect(unlabelled.labels).toEqual(labels);
  expect(unlabelled.score).toBeNull();
});

test('a file without labels is labelled the same, in the order of its rows', async () => {
  const home = await aHome();
  const flows = flowsOfWeek(MONDAY, 3);
  const { model, file } = await aModelAndFile(home, flowCsv(flows, UNLABELLED));
  const labelled = await classify(home, await home.file('labelled.csv', flowCsv(flows)), { model });
  const out = path.join(home.root, 'unlabelled.parquet');
  const said = await classify(home, file, { model, out });
  const columns = 'source_row, id, time_first, predicted, probability, model_version';
  const [expected, found] = await Promise.all(
    [labelled.out, out].map((one) => home.db.rows(`SELECT ${columns} FROM '${one}'`)),
  );
  expect(found).toEqual(expected);
  expect(found?.map(({ id }) => id)).toEqual(flows.map((_, i) => i));
  expect(said.score).toBeNull();
  await expect(home.db.rows(`SELECT DISTINCT app, category FROM '${out}'`)).resolves.toEqual([
    { app: 'unknown', category: 'unknown' },
  ]);
});

test('the probabilities of all classes stand in columns of their own, and sum to 1', async () => {
  const home = await aHome();
  const { model, file } = await aModelAndFile(home, flowCsv(flowsOfWeek(MONDAY, 3)));
  const { out } = await classify(home, file, { model, allProbabilities: true });
  const sums = await home.db.rows<{ sum: number; top: boolean }>(
    `SELECT "probability app-0" + "probability app-1" AS sum,
      probability = greatest("probability app-0", "probability app-1") AS top FROM '${out}'`,
  );
  expect(sums).toHaveLength(61);
  for (const { sum, top } of sums) {
    expect(sum).toBeCloseTo(1, 5);
    expect(top).toBe(true);
  }
});

test('a row that does not parse is told, and with too many of them nothing is written', async () => {
  const home = await aHome();
  const csv = flowCsv(flowsOfWeek(MONDAY, 3)).replace('some-src_ip', 'some-src_ip,one too many');
  const { model, file } = await aModelAndFile(home, csv);
  const out = path.join(home.root, 'out.csv');
  await expect(classify(home, file, { model, out, maxRejected: '1%' })).rejects.toMatchObject({
    code: 'TOO_MANY_REJECTED',
  });
  const said = await classify(home, file, { model, out });
  expect(said).toMatchObject({ rowsRead: 61, rowsClassified: 60, rowsRejected: 1 });
  expect(said.faults).toHaveLength(1);
  const lines = (await readFile(out, 'utf8')).trimEnd().split('\n');
  expect(lines).toHaveLength(61);
  expect(lines[0]).toMatch(
    /^source_row,id,time_first,.*,predicted,probability,rejected,model,model_version$/,
  );
  await expect(classify(home, file, { model, out })).rejects.toMatchObject({
    code: 'OUTPUT_EXISTS',
  });
});

test('a file without a row gives a file without a row', async () => {
  const home = await aHome();
  const { model, file } = await aModelAndFile(home, flowCsv([]));
  const said = await classify(home, file, { model });
  expect(said).toMatchObject({ rowsRead: 0, rowsClassified: 0, labels: [], score: null });
  await expect(home.db.rows(`SELECT count(*) AS n FROM '${said.out}'`)).resolves.toEqual([
    { n: 0 },
  ]);
});
