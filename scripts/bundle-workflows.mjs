/**
 * `node scripts/bundle-workflows.mjs ENTRY TARGET`: bundles the workflows for Temporal's sandbox once,
 * so that no worker spends seconds on it when it starts.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { DefaultLogger, bundleWorkflowCode } from '@temporalio/worker';

const [entry, target] = process.argv.slice(2);
if (entry === undefined || target === undefined) {
  process.stderr.write('Usage: node scripts/bundle-workflows.mjs ENTRY TARGET\n');
  process.exit(2);
}
const { code } = await bundleWorkflowCode({
  workflowsPath: entry,
  logger: new DefaultLogger('WARN'),
});
writeFileSync(`${target}.new`, code);
renameSync(`${target}.new`, target);
