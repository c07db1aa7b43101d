#!/usr/bin/env node
/**
 * Builds everything a checkout needs, once: `node scripts/setup.mjs [--test] [--quiet] [--status]`.
 *
 * Uses Node's own modules only, since it runs before `node_modules` exists. Each step leaves a stamp
 * with the hash of what it was made from; a step whose stamp still fits is not repeated, so the second
 * call takes a fraction of a second, and a call after an interruption goes on where the last one was.
 * All words go to stderr; stdout stays empty, except for `--status`, which prints one JSON document.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findMissing, describeMissing } from './setup/checks.mjs';
import { createCommand, endLeftover } from './setup/command.mjs';
import { acquireLock } from './setup/lock.mjs';
import { describePending, runSteps } from './setup/run-steps.mjs';
import { setupPaths, setupSteps } from './setup/steps.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

async function main() {
  const options = readArguments();
  if (options === undefined) return 2;
  const paths = setupPaths(root);
  const steps = setupSteps(paths, { test: options.test });
  if (options.status) {
    process.stdout.write(`${JSON.stringify(describePending(steps, paths.stamps), null, 2)}\n`);
    return 0;
  }
  const say = options.quiet ? () => {} : (text) => process.stderr.write(text);
  const started = performance.now();
  const lock = await acquireLock(root, () =>
    say('set-up: another set-up of this checkout is running, waiting for it\n'),
  );
  try {
    await endLeftover(paths.child);
    const pending = describePending(steps, paths.stamps).filter((step) => step.state === 'pending');
    const missing = await findMissing(new Set(pending.flatMap((step) => step.needs)), { root });
    if (missing.length > 0) {
      process.stderr.write(describeMissing(missing));
      return 1;
    }
    const command = createCommand({ childFile: paths.child, logs: paths.logs, root });
    await runSteps({ steps, stamps: paths.stamps, command, say, live: process.stderr.isTTY });
  } finally {
    lock.release();
  }
  if (options.test && !existsSync(join(paths.s3Server, 'versitygw')))
    say('set-up: Go is missing, so the tests of tables in a bucket are skipped\n');
  say(`set-up: ready (${((performance.now() - started) / 1000).toFixed(1)} s)\n`);
  return 0;
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        test: { type: 'boolean', default: false },
        quiet: { type: 'boolean', default: false },
        status: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    process.stderr.write(
      `${error.message}\nUsage: node scripts/setup.mjs [--test] [--quiet] [--status]\n`,
    );
    return undefined;
  }
}
