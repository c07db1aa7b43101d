#!/usr/bin/env node
/** The `sentinel` command. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { installation } from '../activities/installation.js';
import { backfillCommand } from './commands/backfill.js';
import { classifyCommand } from './commands/classify.js';
import { dagsCommand } from './commands/dags.js';
import { benchCommand } from './commands/bench.js';
import { decisionsCommand } from './commands/decisions.js';
import { driftCommand } from './commands/drift.js';
import { downloadCommand } from './commands/download.js';
import { mlflowCommand, temporalCommand } from './commands/embedded-cli.js';
import { featuresCommand } from './commands/features.js';
import { generateCommand } from './commands/generate.js';
import { ingestCommand } from './commands/ingest.js';
import { lifecycleCommand } from './commands/lifecycle.js';
import { lineageCommand } from './commands/lineage.js';
import { modelsCommand } from './commands/models.js';
import { payloadsCommand } from './commands/payloads.js';
import { queryCommand } from './commands/query.js';
import { rejectedCommand } from './commands/rejected.js';
import { reproduceCommand } from './commands/reproduce.js';
import { runCommand } from './commands/run.js';
import { runsCommand } from './commands/runs.js';
import { tablesCommand } from './commands/tables.js';
import { upCommand } from './commands/up.js';
import { doctorCommand } from './doctor.js';
import { reportError } from './output.js';

const program = new Command('sentinel')
  .description('Durable, typed DAGs on Temporal, and the weekly ML pipeline of a network operator.')
  .version(version())
  .enablePositionalOptions()
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })
  .addHelpText(
    'after',
    '\nState lives in SENTINEL_HOME, by default .sentinel in the working directory.',
  );

for (const command of [
  upCommand(),
  dagsCommand(),
  runCommand(),
  runsCommand(),
  backfillCommand(),
  downloadCommand(),
  ingestCommand(),
  classifyCommand(),
  queryCommand(),
  featuresCommand(),
  rejectedCommand(),
  tablesCommand(),
  modelsCommand(),
  driftCommand(),
  lifecycleCommand(),
  decisionsCommand(),
  lineageCommand(),
  payloadsCommand(),
  generateCommand(),
  reproduceCommand(),
  temporalCommand(),
  mlflowCommand(),
  benchCommand(),
  doctorCommand(),
]) {
  program.addCommand(withExitOverride(command));
}

// a reader that has seen enough, such as `head`, is no fault
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else process.exitCode = reportError(error);
}

/** Subcommands do not take the setting over from the program. */
function withExitOverride(command: Command): Command {
  command.exitOverride();
  command.commands.forEach(withExitOverride);
  return command;
}

function version(): string {
  // our own package.json
  const { version } = JSON.parse(readFileSync(installation.packageJson, 'utf8')) as {
    version: string;
  }; // our own file
  return version;
}
