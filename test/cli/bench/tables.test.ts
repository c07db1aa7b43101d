import { expect, test } from 'vitest';
import { benchTables } from '../../../cli/bench/tables.js';

test('a compacted table has one file a partition, and a query for one gives the rows of that file', async () => {
  const said: string[] = [];
  const [files, query] = await benchTables({ pairs: 1, weeks: 3, apps: 4 }, (line) =>
    said.push(line),
  );
  expect(said).toContain('24 files, after compaction 12');
  expect(files).toMatchObject({ ours: 1, unit: 'files' });
  expect(query).toMatchObject({ unit: 'ms', ratio: expect.any(Number) as number });
});
