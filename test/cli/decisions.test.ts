import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { decisionsCommand } from '../../cli/commands/decisions.js';
import { appendRows } from '../../feature-store/append-rows.js';
import { DECISIONS } from '../../feature-store/engine-tables.js';
import { aHome } from '../feature-store/store-builders.js';
import { runCommand } from './run-command.js';

afterEach(() => vi.unstubAllEnvs());

test('decisions are told newest first, with their reasons, and with their evidence on a page', async () => {
  const home = await aHome();
  vi.stubEnv('SENTINEL_HOME', home.root);
  expect(await runCommand(decisionsCommand, '--json')).toEqual({ decisions: [] });

  const rows = [
    ['a', '2022-W26', 'retrain', 'ppi_severity 0.1200 > 0.0700', { rows: 4000 }],
    ['b', '2022-W26', 'keep', 'champion <stays>', { gate: { gains: [0.01, -0.02] } }],
    ['c', '2022-W27', 'noted', 'no alarm', {}],
  ] as const;
  await appendRows({
    ...home,
    schema: DECISIONS,
    rows: rows.map(([key, partition, kind, reason, evidence], i) => ({
      ...{ key, model: 'app-ensemble', partition, kind, reason },
      ...{ evidence: JSON.stringify(evidence), decided_at: new Date(Date.UTC(2022, 6, 4 + i)) },
    })),
    stagingDir: home.staging(),
  });

  expect(await runCommand(decisionsCommand, '--json', '--limit', '2')).toMatchObject({
    decisions: [
      { partition: '2022-W27', kind: 'noted', decidedAt: '2022-07-06T00:00:00.000Z' },
      { partition: '2022-W26', kind: 'keep', evidence: { gate: { gains: [0.01, -0.02] } } },
    ],
  });
  const page = path.join(home.root, 'decisions.html');
  const shown = await runCommand(decisionsCommand, '--partition', '2022-W26', '--out', page);
  expect(String(shown).split('\n').slice(1, 3)).toEqual([
    expect.stringMatching(/app-ensemble +2022-W26 +keep +champion <stays>/),
    expect.stringMatching(/app-ensemble +2022-W26 +retrain +ppi_severity 0\.1200 > 0\.0700/),
  ]);
  const html = await readFile(page, 'utf8');
  expect(html).toContain('champion &#60;stays&#62;');
  expect(html).toMatch(/gate\.gains\.1<\/td><td[^>]*>-0\.02</);
  expect(html).toContain('<td>2022-W26</td>');
  expect(html).not.toContain('no alarm');
  expect(await runCommand(decisionsCommand, '--model', 'other', '--json')).toEqual({
    decisions: [],
  });
});
