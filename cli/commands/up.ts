/** `sentinel up`: everything on one machine, the main job first. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { compiledPlans } from '../../activities/compiled-plans.js';
import { generateFlows } from '../../activities/jobs/generate-flows.js';
import { installation } from '../../activities/installation.js';
import { readNotifySettings } from '../../activities/notify-settings.js';
import { PipelineError } from '../../contracts/errors.js';
import { dagRunId } from '../../contracts/engine.js';
import type { HomeLayout } from '../../contracts/home.js';
import type { Report } from '../../contracts/report.js';
import { preset as presetSchema, type Preset } from '../../contracts/schemas/values.js';
import { isoWeekOf, weekRange } from '../../dag/partitions.js';
import { readMapping } from '../../feature-store/sources/flow-mapping.js';
import { newestFirstTime } from '../../feature-store/sources/list-sources.js';
import { fetchRemoteSources, isRemote } from '../../feature-store/sources/remote-sources.js';
import { deploySchedules } from '../deploy-schedule.js';
import { lockHome } from '../embedded/home-lock.js';
import { startStack, type Stack } from '../embedded/stack.js';
import { currentHome } from '../home.js';
import { printJson, say } from '../output.js';
import {
  mappingOption,
  maxRejectedOption,
  readingParams,
  type ReadingOptions,
} from '../reading-options.js';
import { resultsPage } from '../results-page.js';
import { followRun, runFailed, startOrJoin } from '../run-client.js';

interface UpOptions extends ReadingOptions {
  readonly once: boolean;
  readonly input?: string;
  readonly preset: string;
  readonly json: boolean;
}

/** What the main job generates when it is given no input. */
const DEMO_DATA = {
  seed: 7,
  weeks: weekRange('2022-W22', '2022-W27'),
  flowsPerWeek: 4_000,
  apps: 40,
  events: ['exporter@2022-W26'],
};

/** The `up` command. */
export function upCommand(): Command {
  return new Command('up')
    .description('start Temporal, MLflow and the worker on this home, and run the main job')
    .option('--once', 'end everything when the main job has ended', false)
    .option(
      '--input <dir>',
      'raw flow files (.csv, .csv.gz, .csv.xz), in folders to any depth, or an https://, s3:// or webhdfs:// address',
    )
    .addOption(mappingOption())
    .addOption(maxRejectedOption())
    .option('--preset <name>', 'sizes and training settings: demo, full, or a .json file', 'demo')
    .option('--json', 'print the results as one JSON document', false)
    .action(async (options: UpOptions) => {
      process.exitCode = await up(options);
    });
}

async function up(options: UpOptions): Promise<number> {
  const startedMs = Date.now();
  const layout = currentHome();
  const preset = await readPreset(options.preset);
  const reading = await readingParams(options);
  await readNotifySettings(layout); // a mistake in it is told now, not by the first notice that fails
  const stopSignal = onStopSignal();
  const unlock = await lockHome(layout);
  let stack: Stack | undefined;
  try {
    const input = await inputFolder(layout, options.input, stopSignal);
    if (stopSignal.aborted) throw interrupted('start again; nothing has been started yet');
    stack = await startStack(layout, { input, preset, ...reading }, say);
    const ends = AbortSignal.any([stopSignal, stack.failed]);
    const schedules = await deploySchedules(stack.client, compiledPlans().values(), {
      pause: options.once,
    });
    for (const { dag, change } of schedules) {
      if (change === 'orphaned')
        say(`no DAG declares the schedule ${dag}: see \`dags deploy --prune\``);
    }
    if (stopSignal.aborted) throw interrupted('start again; no run has been started yet');
    const fetched = await fetchRemoteSources([input], layout.remoteSources, { signal: ends }).catch(
      (error: unknown) => {
        if (!stopSignal.aborted) throw error;
        throw interrupted('start again; fetching the input goes on where it was');
      },
    );
    const id = dagRunId('weekly', await newestWeek(fetched, reading.mapping));
    const handle = await startOrJoin(stack.client, 'weekly', id, say);
    const state = await followRun(handle, { say, signal: ends });
    stack.failed.throwIfAborted();
    if (state === 'interrupted') {
      throw interrupted(`start again; the run ${id} goes on where it was`);
    }
    if (state !== 'success') throw runFailed(id, state);
    const report = await readReport(layout, id);
    const document = {
      ...report,
      ui: { temporal: stack.temporalUi, mlflow: stack.mlflowUrl },
      seconds: Math.round((Date.now() - startedMs) / 100) / 10,
    };
    if (options.json) printJson(document);
    else process.stdout.write(`${resultsPage(document)}\n`);
    if (!options.once) {
      say('Ctrl-C ends it');
      stack.serveTriggers();
      if (!ends.aborted) await once(ends, 'abort');
      stack.failed.throwIfAborted();
    }
    return document.errors.length === 0 ? 0 : 1;
  } finally {
    say('stopping');
    await stack?.stop();
    await unlock();
  }
}

function interrupted(fix: string): PipelineError {
  return new PipelineError({
    code: 'RUN_INTERRUPTED',
    found: 'told to stop (Ctrl-C or SIGTERM) before the main job had ended',
    fix,
  });
}

/** What to ingest: the folder or address that was named, or generated data. */
async function inputFolder(
  layout: HomeLayout,
  input: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  if (input !== undefined) {
    if (isRemote(input)) return input;
    const folder = resolve(input);
    if (existsSync(folder)) return folder;
    throw new PipelineError({
      code: 'INPUT_NOT_FOUND',
      file: folder,
      found: 'no such file or folder',
      fix: 'correct --input; without it the main job generates its data',
    });
  }
  say(`generating ${DEMO_DATA.weeks.length} weeks of ${DEMO_DATA.flowsPerWeek} flows`);
  await generateFlows({
    ...DEMO_DATA,
    outDir: layout.generated,
    shouldStop: () => signal.aborted,
  });
  return layout.generated;
}

/** A file of a local day or week starts up to hours before that day in UTC; half a day later lies in it. */
const HALF_A_DAY_MS = 12 * 3_600_000;

/** The partition of the main job: the newest week in which an input file starts. */
async function newestWeek(inputs: readonly string[], mapping: string): Promise<string> {
  const first = await newestFirstTime(
    inputs,
    mapping === '' ? undefined : await readMapping(mapping),
  );
  return isoWeekOf(new Date((first?.getTime() ?? 0) + HALF_A_DAY_MS));
}

/** A preset by name, or from a file of the user's own. */
async function readPreset(nameOrFile: string): Promise<Preset> {
  const file = nameOrFile.endsWith('.json')
    ? resolve(nameOrFile)
    : join(installation.presets, `${nameOrFile}.json`);
  const usage = (found: string, cause: unknown): PipelineError =>
    new PipelineError(
      {
        code: 'CLI_USAGE',
        file,
        found,
        expected: 'demo, full, or a .json file with the fields of pipelines/presets/demo.json',
        fix: 'correct --preset',
      },
      { cause },
    );
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw usage(`--preset ${nameOrFile}: no such preset`, cause);
  });
  try {
    return presetSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw usage(`a preset that cannot be read: ${String(cause)}`, cause);
  }
}

async function readReport(layout: HomeLayout, id: string): Promise<Report> {
  const file = join(layout.reports, `${encodeURIComponent(id)}.json`);
  return JSON.parse(await readFile(file, 'utf8')) as Report; // written by `writeReport`
}

/** Aborts at the first Ctrl-C or SIGTERM; a second one falls through to Node and ends at once. */
function onStopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort());
  }
  return controller.signal;
}
