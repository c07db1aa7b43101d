/**
 * The counts that an exporter writes beside its files, held against what was read: `stats-20220606.json`
 * beside `flows-20220606.csv.xz`, as CESNET-TLS-Year22 has them.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Fault } from '../../contracts/errors.js';
import { ifThere } from '../../contracts/if-there.js';
import type { ParsedSource } from './parse-flows.js';

const dayStats = z.object({
  global: z.object({ 'total-saved': z.int() }),
  apps: z.record(z.string(), z.int()),
});

/**
 * The fault of a file whose rows are not as many as its statistics say; none when they are, or no statistics lie there.
 *
 * A rejected row counts for the file; it may be missing from any application.
 *
 * @param file absolute path of the flow file
 */
export async function statsFaults(
  file: string,
  {
    rowsRead,
    rowsRejected,
    rowsByApp,
  }: Pick<ParsedSource, 'rowsRead' | 'rowsRejected' | 'rowsByApp'>,
): Promise<Fault[]> {
  const day = /^flows-(.+?)\.csv(\.(gz|xz))?$/i.exec(path.basename(file))?.[1];
  const beside = path.join(path.dirname(file), `stats-${day}.json`);
  const text = await ifThere(readFile(beside, 'utf8'));
  if (day === undefined || text === undefined) return [];
  const name = path.basename(beside);
  const differ = (found: string, expected: string): Fault[] => [
    {
      code: 'FLOW_STATS_DIFFER',
      file,
      found,
      expected,
      fix: `download or export the day again; delete ${name} if that is what is wrong. The rows are stored`,
    },
  ];
  const stats = dayStats.safeParse(parseJson(text));
  if (!stats.success)
    return differ(`${name} without counts`, '{"global":{"total-saved":n},"apps":{…}}');
  const { global, apps } = stats.data;
  const total = global['total-saved'];
  if (rowsRead !== total) return differ(`${rowsRead} rows`, `${total}, as ${name} says`);
  const wrong = [...new Set([...Object.keys(apps), ...Object.keys(rowsByApp)])]
    .map((app) => ({ app, found: rowsByApp[app] ?? 0, promised: apps[app] ?? 0 }))
    .filter(({ found, promised }) => found > promised || promised - found > rowsRejected)
    .sort((a, b) => Math.abs(b.found - b.promised) - Math.abs(a.found - a.promised));
  if (wrong.length === 0) return [];
  const shown = wrong.slice(0, 5);
  const others = wrong.length > shown.length ? ` and ${wrong.length - shown.length} more` : '';
  return differ(
    `${shown.map(({ app, found }) => `${found} rows of ${app}`).join(', ')}${others}`,
    `${shown.map(({ promised }) => promised).join(', ')}, as ${name} says`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // told as statistics without counts
  }
}
