/** The plans of this code: every DAG compiled against the catalogue, with this installation's defaults. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { JsonObject } from '../contracts/json.js';
import { compile } from '../dag/compile.js';
import type { Plan } from '../dag/plan.js';
import { dags, nativeWorkflows } from '../pipelines/index.js';
import { activityCatalogue } from './catalogue.js';

/**
 * Plans by DAG id.
 *
 * @throws PipelineError what `compile` finds wrong with a DAG
 */
export function compiledPlans(codeVersion: string, params: JsonObject = {}): Map<string, Plan> {
  const catalogue = activityCatalogue();
  const workflowTypes = [...Object.keys(dags), ...nativeWorkflows];
  return new Map(
    Object.entries(dags).map(([id, dag]) => [
      id,
      compile(dag, { catalogue, codeVersion, params, workflowTypes }),
    ]),
  );
}

/** Version of the activity code: the package's version, and a hash of the file that set-up has built. */
export function codeVersionOf(packageJson: string, builtFile: string): string {
  const { version } = JSON.parse(readFileSync(packageJson, 'utf8')) as { version: string }; // our own file
  const digest = createHash('sha256').update(readFileSync(builtFile)).digest('hex');
  return `${version}+${digest.slice(0, 12)}`;
}
