/** The smallest data on which the main job does all it can: six weeks, one file each. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { generateFlows } from '../../activities/jobs/generate-flows.js';
import { weekRange } from '../../dag/partitions.js';

/** Rows of `writeSmallFlows`. */
export const SMALL_FLOWS = { weeks: 6, rows: 6 * 700 };

/** Writes the files into a new `folder`; the exporter changes in the fifth week, 2022-W26. */
export async function writeSmallFlows(folder: string): Promise<void> {
  const days = await mkdtemp(join(tmpdir(), 'small-flows-'));
  await generateFlows({
    outDir: days,
    seed: 7,
    weeks: weekRange('2022-W22', '2022-W27'),
    flowsPerWeek: 700,
    apps: 12,
    events: ['exporter@2022-W26'],
    compression: 'none',
  });
  await mkdir(folder, { recursive: true });
  for (const week of (await readdir(days)).filter((name) => name.startsWith('WEEK-'))) {
    const names = (await readdir(join(days, week), { recursive: true })).sort();
    const files = names.filter((name) => name.endsWith('.csv'));
    const texts = await Promise.all(files.map((name) => readFile(join(days, week, name), 'utf8')));
    const rows = texts.map((text, index) => (index === 0 ? text : withoutHeader(text)));
    await writeFile(join(folder, `flows-${week}.csv.gz`), await promisify(gzip)(rows.join('')));
  }
  await rm(days, { recursive: true });
}

function withoutHeader(text: string): string {
  return text.slice(text.indexOf('\n') + 1);
}
