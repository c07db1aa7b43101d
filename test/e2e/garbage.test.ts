/** A folder as people have them: good files among broken ones and things that are no flows at all. */
import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
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
  await copyFile(join(home.input, 'a-good.csv.gz'), join(home.input, 'h-good-again.csv.gz'));
  await write('i-absurd.csv', withAbsurdValues(text));
  execFileSync('/usr/bin/mkfifo', [join(home.input, 'j-pipe.csv')]);
  await symlink('nowhere.csv', join(home.input, 'k-dangling.csv'));
  await write('README', 'The exports of last month.\n');
  await rm(weeks, { recursive: true });
  finished = await home.up('--once').finished;
  document = JSON.parse(finished.stdout) as UpDocument; // checked field by field in main-job.test.ts
}, 240_000);
afterAll(() => home.remove());

test('good files are ingested, and columns may stand in any order', () => {
  expect(document.input).toMatchObject({ rowsStored: 3 * 700, rowsRejected: ABSURD.length });
  expect(document.tables['flows']?.rows).toBe(3 * 700);
});

test.each([
  ['c-truncated.csv.gz', 'FLOW_FILE_TRUNCATED'],
  ['e-empty.csv', 'FLOW_FILE_EMPTY'],
  ['f-not-packed.csv.xz', 'FLOW_FILE_NOT_COMPRESSED'],
  ['k-dangling.csv', 'FLOW_FILE_UNREADABLE'],
])('%s is one error, %s, with its mend', (name, code) => {
  const about = document.errors.filter(({ file }) => file === join(home.input, name));
  expect(about).toMatchObject([{ code }]);
  expect(about[0]?.found).not.toBe('');
  expect(about[0]?.fix).not.toBe('');
});

test('values that no flow has cost their rows only, each with its column', () => {
  const about = document.errors.filter(({ file }) => file === join(home.input, 'i-absurd.csv'));
  expect(about.map(({ code, row, column }) => [code, row, column])).toEqual(
    ABSURD.map(([column], index) => ['FLOW_ROW_INVALID', index + 1, column]),
  );
});

test('files that are no flows, or flows once more, are left alone, each with the reason', () => {
  const ignored = new Map(document.input.ignored.map(({ file, reason }) => [file, reason]));
  expect([...ignored.keys()]).toEqual([
    join(home.input, 'README'),
    join(home.input, 'g-accounts.csv'),
    join(home.input, 'h-good-again.csv.gz'),
    join(home.input, 'j-pipe.csv'),
  ]);
  for (const reason of ignored.values()) expect(reason).not.toBe('');
});

test('there are no other errors, and the exit code tells of them', () => {
  expect(document.errors).toHaveLength(4 + ABSURD.length);
  expect(finished.code).toBe(1);
});

test('what is left is still enough to train on, split by time', () => {
  expect(document.split).toMatchObject({ kind: 'time', watch: [] });
  expect(document.models.filter(({ alias }) => alias === 'champion')).toHaveLength(7);
  expect(document.drift).toMatchObject([{ verdict: 'not_judged' }]);
});

test('the same folder again tells the same', async () => {
  const again = await home.up('--once').finished;
  const { input, errors } = JSON.parse(again.stdout) as UpDocument; // the fields of the first run
  expect(errors).toEqual(document.errors);
  expect(input).toEqual(document.input);
  expect(again.code).toBe(1);
});

const ABSURD = [
  ['BYTES', '9223372036854775807'],
  ['DURATION', '1e999'],
  ['PPI_DURATION', '1e300'],
] as const;

/** A row for each absurd value, else good ones. */
function withAbsurdValues(csv: string): string {
  const [header = '', ...lines] = csv.split('\n');
  const rows = ABSURD.map(([column, value], index) => {
    const fields = fieldsOf(lines[index] ?? '');
    return fields.with(fieldsOf(header).indexOf(column), value).join(',');
  });
  return [header, ...rows, ''].join('\n');
}

/** The same rows, last column first. PPI and the histograms are quoted, for they hold commas. */
function withColumnsReversed(csv: string): string {
  const lines = csv.trimEnd().split('\n');
  return lines.map((line) => `${fieldsOf(line).reverse().join(',')}\n`).join('');
}

function fieldsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|,)("(?:[^"]|"")*"|[^,]*)/g)].map((match) => match[1] ?? '');
}
