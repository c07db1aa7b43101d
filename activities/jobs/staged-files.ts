/** What a job leaves below its staging folder, and where. Apart from the jobs: a worker loads none of their code. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Places below the staging folder. */
export const STAGED = { model: 'model', plots: 'plots', driftPage: 'drift.html' } as const;

/** Writes pictures by file name. */
export async function writePlots(folder: string, plots: Record<string, string>): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, svg] of Object.entries(plots)) await writeFile(join(folder, name), svg);
}
