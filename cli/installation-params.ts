/** Defaults of DAG parameters in a home, as its workers have them: what `sentinel up` was given. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { HomeLayout } from '../contracts/home.js';
import { ifThere } from '../contracts/if-there.js';
import type { JsonObject } from '../contracts/json.js';

/** Keeps them for the commands that start runs. */
export async function writeInstallationParams(
  layout: HomeLayout,
  params: JsonObject,
): Promise<void> {
  await mkdir(layout.home, { recursive: true });
  await writeFile(layout.params, JSON.stringify(params, null, 2));
}

/** Undefined for a home that `sentinel up` has not served; its workers may have defaults all the same. */
export async function installationParams(layout: HomeLayout): Promise<JsonObject | undefined> {
  const text = await ifThere(readFile(layout.params, 'utf8'));
  return text === undefined ? undefined : (JSON.parse(text) as JsonObject); // written above
}
