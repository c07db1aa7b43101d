/** A folder as people have them: good files among broken ones and things that are no flows at all. */
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { UpDocument } from '../../contracts/report.js';
import { createHome, type Finished, type TestHome } from './sentinel.js';
import { writeSmallFlows } from './small-flows.js';

let home: TestHome;
let finished: Finished;
let document: UpDocument;

beforeAll(async () => {
  home = await createHome({ flows: false });
  const weeks = join(home.layout.home, '..', 'weeks');
  await writeSmallFlows(weeks);
  const [first = '', second = '', third = '', fourth = ''] = (await readdir(weeks)).sort();
  await mkdir(home.input);
  const write = (name: string, content: string | Uint8Array) =>
    writeFile(join(home.input, name), content);
  await copyFile(join(weeks, first), join(home.input, 'a-good.csv.gz'));
  await copyFile(join(weeks, second), join(home.input, 'b-good.csv.gz'));
  const packed = await readFile(join(weeks, third));
  await write('c-truncated.csv.gz', packed.subarray(0, packed.length / 2));
  const text = gunzipSync(await readFile(join(weeks, fourth))).toString();
  await write('d-reordered.csv', withColumnsReversed(text));
  await write('e-empty.csv', '');
  await write('f-not-packed.csv.xz', text);
  await write('g-accounts.csv', 'name,amount\nrent,900\n');
  await write('README', 'The exports of last month.\n');
  await rm(weeks, { recursive: true });
  finished = await home.up('--once').finished;
  document = JSON.parse(finished.stdout) as UpDocument; // checked field by field in main-job.test.ts
}, 240_000);
afterAll(() => home.remove());

test('good files are ingested, and columns may stand in any order', () => {
  expect(document.input).toMatchObject({ rowsStored: 3 * 700, rowsRejected: 0 });
  expect(document.tables['flows']?.rows).toBe(3 * 700);
});

test.each([
  ['c-truncated.csv.gz', 'FLOW_FILE_TRUNCATED'],
  ['e-empty.csv', 'FLOW_FILE_EMPTY'],
  ['f-not-packed.csv.xz', 'FLOW_FILE_NOT_COMPRESSED'],
])('%s is one error, %s, with its mend', (name, code) => {
  const about = document.errors.filter(({ file }) => file === join(home.input, name));
  expect(about).toMatchObject([{ code }]);
  expect(about[0]?.found).not.toBe('');
  expect(about[0]?.fix).not.toBe('');
});

test('files that are no flows are left alone, each with the reason', () => {
  const ignored = new Map(document.input.ignored.map(({ file, reason }) => [file, reason]));
  expect([...ignored.keys()]).toEqual([
    join(home.input, 'README'),
    join(home.input, 'g-accounts.csv'),
  ]);
  for (const reason of ignored.values()) expect(reason).not.toBe('');
});

test('there are no other errors, and the exit code tells of them', () => {
  expect(document.errors).toHaveLength(3);
  expect(finished.code).toBe(1);
});

test('what is left is still enough to train on, split by time', () => {
  expect(document.split).toMatchObject({ kind: 'time', watch: [] });
  expect(document.models.filter(({ alias }) => alias === 'champion')).toHaveLength(5);
  expect(document.drift).toMatchObject([{ verdict: 'not_judged' }]);
});

/** The same rows, last column first. PPI and the histograms are quoted, for they hold commas. */
function withColumnsReversed(csv: string): string {
  const lines = csv.trimEnd().split('\n');
  return lines.map((line) => `${fieldsOf(line).reverse().join(',')}\n`).join('');
}

function fieldsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|,)("(?:[^"]|"")*"|[^,]*)/g)].map((match) => match[1] ?? '');
}
