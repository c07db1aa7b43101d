/** What moved in each judged window, kept beside the reports of runs: one JSON file for each model and window. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DriftFindings } from '../contracts/drift.js';
import type { HomeLayout } from '../contracts/home.js';
import { ifThere } from '../contracts/if-there.js';

function fileOf({ reports }: HomeLayout, model: string, partition: string): string {
  return join(reports, 'drift', encodeURIComponent(model), `${partition}.json`);
}

/** Writes it in place of an earlier judgement of the window. */
export async function saveFindings(layout: HomeLayout, findings: DriftFindings): Promise<void> {
  const file = fileOf(layout, findings.model, findings.partition);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, JSON.stringify(findings, null, 2));
  await rename(`${file}.new`, file);
}

/** Undefined for a window that was not judged, or not on this machine. */
export async function readFindings(
  layout: HomeLayout,
  model: string,
  partition: string,
): Promise<DriftFindings | undefined> {
  const text = await ifThere(readFile(fileOf(layout, model, partition), 'utf8'));
  return text === undefined ? undefined : (JSON.parse(text) as DriftFindings); // written above
}
