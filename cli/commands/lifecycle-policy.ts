/** `sentinel lifecycle policy`: by what a model is retrained and promoted, shown or set. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Command } from 'commander';
import {
  invalidPolicy,
  parsePolicy,
  policyFile,
  policyFor,
} from '../../activities/model-policy.js';
import { preset as presetSchema, type Preset } from '../../contracts/schemas/values.js';
import { ENSEMBLE } from '../../pipelines/train.js';
import { currentHome } from '../home.js';
import { installationParams } from '../installation-params.js';
import { printJson } from '../output.js';

interface PolicyOptions {
  readonly set?: string;
  readonly unset: boolean;
}

/** The `policy` subcommand; always JSON. */
export function policyCommand(): Command {
  return new Command('policy')
    .description(
      'the policy in force, as JSON: the file of the model over the preset over the default',
    )
    .argument('[model]', 'the served model', ENSEMBLE)
    .option('--set <file>', 'from now on by this file; the next window is judged by it')
    .option('--unset', 'from now on without a file of its own', false)
    .option('--json', 'as JSON, which it is anyway', false)
    .action(async (model: string, { set, unset }: PolicyOptions) => {
      const layout = currentHome();
      const file = policyFile(layout, model);
      if (unset) await rm(file, { force: true });
      if (set !== undefined) {
        const text = await readPolicyText(set);
        parsePolicy(text, set);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(`${file}.new`, text);
        await rename(`${file}.new`, file);
      }
      printJson(await policyFor(layout, model, await installedPreset()));
    });
}

/**
 * The text of a policy file.
 *
 * @throws PipelineError POLICY_INVALID when it cannot be read
 */
export async function readPolicyText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw invalidPolicy(file, cause instanceof Error ? cause.message : String(cause));
  });
}

/** Of the newest `up`; a home that never was up has none. */
async function installedPreset(): Promise<Pick<Preset, 'policy'>> {
  const params = await installationParams(currentHome());
  return presetSchema.pick({ policy: true }).safeParse(params?.['preset']).data ?? { policy: {} };
}
