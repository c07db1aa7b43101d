/** A day of generated flows as one raw file. */
import { join } from 'node:path';
import { generateFlows } from '../../activities/jobs/generate-flows.js';

/**
 * A Tuesday, since a Monday's file begins in the week before.
 *
 * @param folder where a week of files is made
 * @param flows  rows, at least
 * @returns path of the CSV file
 */
export async function generateDay(folder: string, flows: number): Promise<string> {
  const outDir = join(folder, 'week');
  let days = 0;
  await generateFlows({
    // a working day has more flows than a weekend's
    ...{ outDir, seed: 7, weeks: ['2022-W22'], flowsPerWeek: 7 * flows, compression: 'none' },
    onProgress: () => (days += 1),
    shouldStop: () => days === 2,
  });
  return join(outDir, 'WEEK-2022-22', '2022-05-31', 'flows-20220531.csv');
}
