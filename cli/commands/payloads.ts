/** `sentinel payloads`: the large values of runs, which lie beside Temporal's histories. */
import { Command } from 'commander';
import { PipelineError } from '../../contracts/errors.js';
import { localBlobStore } from '../../payloads/blob-store.js';
import { collectPayloads, type Collected } from '../../payloads/collect.js';
import { currentHome, withTemporal } from '../home.js';
import { wholeNumber } from '../option-values.js';
import { printJson } from '../output.js';
import { payloadReferences } from '../payload-references.js';

const DAY_MS = 86_400_000;

/** The `payloads` command and its subcommands. */
export function payloadsCommand(): Command {
  const command = new Command('payloads').description(
    'large values of runs: from 128 KB on they are kept in the home, and histories and tables refer to them',
  );
  command
    .command('show <hash>')
    .description('the value that {"$payload":"<hash>"} refers to, such as an output in task_runs')
    .action(async (hash: string) => {
      if (!/^[0-9a-f]{64}$/.test(hash)) throw noHash(hash);
      process.stdout.write(await localBlobStore(currentHome().payloads).get(hash));
    });
  command
    .command('collect')
    .description('remove values that are old and that no run, schedule or table refers to')
    .option('--older-than <days>', 'values put in the last days stay, whoever refers to them', '30')
    .option('--dry-run', 'count only', false)
    .option('--json', 'as JSON', false)
    .action(async (options: { olderThan: string; dryRun: boolean; json: boolean }) => {
      const layout = currentHome();
      const beforeMs = Date.now() - wholeNumber('--older-than', options.olderThan, 1) * DAY_MS;
      const referenced = await withTemporal(layout, (client) =>
        payloadReferences(client, layout, beforeMs),
      );
      const { dryRun } = options;
      const store = localBlobStore(layout.payloads);
      const collected = await collectPayloads(store, { beforeMs, referenced, dryRun });
      if (options.json) printJson({ ...collected, dryRun });
      else process.stdout.write(`${sentence(collected, dryRun)}\n`);
    });
  return command;
}

function noHash(text: string): PipelineError {
  return new PipelineError({
    code: 'CLI_USAGE',
    found: text,
    expected: '64 lower-case hex digits',
    fix: 'copy the hash out of {"$payload":"<hash>"}',
  });
}

function sentence(collected: Collected, dryRun: boolean): string {
  const { removed, removedBytes, kept, keptBytes, keptForReferences } = collected;
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  return [
    `${dryRun ? 'would remove' : 'removed'} ${removed} (${megabytes(removedBytes)})`,
    `kept ${kept} (${megabytes(keptBytes)}), ${keptForReferences} of them old but referred to`,
  ].join('; ');
}
