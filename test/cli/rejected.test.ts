import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { rejectedCommand } from '../../cli/commands/rejected.js';
import { aFlow, aHome, flowCsv, ingest, type StoreHome } from '../feature-store/store-builders.js';
import { runCommand } from './run-command.js';

afterEach(() => vi.unstubAllEnvs());

/** A home with two files, of three rows each, two of them bad. */
async function aHomeWithRejects(): Promise<StoreHome & { first: string }> {
  const home = await aHome();
  vi.stubEnv('SENTINEL_HOME', home.root);
  const rows = (bytes: string) =>
    flowCsv([aFlow({ BYTES: bytes }), aFlow(), aFlow({ CATEGORY: '' })]);
  const first = await home.file('first.csv', rows('1.5'));
  await ingest(home, first);
  await ingest(home, await home.file('second.csv', rows('many, too many')));
  return { ...home, first };
}

test('tells place, value and reason of each row, and counts the reasons', async () => {
  const { first } = await aHomeWithRejects();
  expect(await runCommand(rejectedCommand, '--json', '--limit', '2')).toMatchObject({
    total: 4,
    reasons: [
      { column: 'CATEGORY', reason: 'no value', rows: 2, files: 2 },
      { column: 'BYTES', reason: 'the character "."', rows: 1, files: 1 },
      { column: 'BYTES', reason: 'the character "m"', rows: 1, files: 1 },
    ],
    rows: [
      { file: first, row: 1, column: 'BYTES', value: '1.5', reason: 'the character "."' },
      { file: first, row: 3, column: 'CATEGORY', value: '', reason: 'no value' },
    ],
  });
  expect(await runCommand(rejectedCommand)).toContain(`${first}:1`);
});

test('is cut by file and by reason', async () => {
  const { first } = await aHomeWithRejects();
  expect(await runCommand(rejectedCommand, '--json', '--file', first)).toMatchObject({ total: 2 });
  const options = ['--json', '--file', first, '--reason', 'NO VALUE'];
  expect(await runCommand(rejectedCommand, ...options)).toMatchObject({ total: 1 });
});

test('writes CSV that holds the text of the rows', async () => {
  const home = await aHomeWithRejects();
  const text = String(await runCommand(rejectedCommand, '--csv', '--reason', 'character'));
  const file = await home.file('listed.csv', text);
  const rows = await home.db.rows(
    `SELECT "row", value, raw FROM read_csv('${file}', all_varchar = true)`,
  );
  const raw = (value: string) => flowCsv([aFlow({ BYTES: value })]).split('\n')[1];
  expect(rows).toEqual([
    { row: '1', value: '1.5', raw: raw('1.5') },
    { row: '1', value: 'many, too many', raw: raw('many, too many') },
  ]);
});

test('exports the rows of a file, which can be mended and ingested', async () => {
  const home = await aHomeWithRejects();
  const out = path.join(home.root, 'mend.csv');
  await runCommand(rejectedCommand, 'export', home.first, '--out', out);
  const mended = (await readFile(out, 'utf8'))
    .replace('1.5', '2')
    .replace(',example,,', ',example,web,');
  const [result] = await ingest(home, await home.file('mended.csv', mended));
  expect(result?.parsed).toMatchObject({ rowsStored: 2, rowsRejected: 0 });
});

test('a home without rejected rows has none', async () => {
  const home = await aHome();
  vi.stubEnv('SENTINEL_HOME', home.root);
  expect(await runCommand(rejectedCommand, '--json')).toEqual({ total: 0, reasons: [], rows: [] });
});
