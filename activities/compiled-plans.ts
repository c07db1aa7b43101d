/** The plans of this code: every DAG compiled against the catalogue. */
import { readFileSync } from 'node:fs';
import { compileAll } from '../dag/compile.js';
import type { Plan } from '../dag/plan.js';
import { dags, nativeWorkflows } from '../pipelines/index.js';
import { activityCatalogue } from './catalogue.js';
import { installation } from './installation.js';

/**
 * Plans by DAG id.
 *
 * @throws PipelineError what `compileAll` finds wrong with the DAGs
 */
export function compiledPlans(): Map<string, Plan> {
  return compileAll(Object.values(dags), {
    catalogue: activityCatalogue(),
    codeVersion: codeVersion(),
    nativeWorkflows,
  });
}

/** Version of the code: the package's version, and the hash of all sources that set-up has compiled. */
function codeVersion(): string {
  const read = (file: string): Record<string, string> =>
    JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>; // files of our own
  const { version } = read(installation.packageJson);
  const { hash } = read(installation.compileStamp);
  return `${version}+${hash?.slice(0, 12)}`;
}
