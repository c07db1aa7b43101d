/**
 * Writes generated weeks as the raw data set lies on disk:
 *
 *     WEEK-2022-22/2022-05-30/flows-20220530.csv.xz  stats-20220530.json
 *     WEEK-2022-22/stats-week.json
 *     stats-dataset.json  servicemap.csv  events.json  generated.json (manifest)
 *
 * Equal parameters give equal bytes, also when the days are made by several threads. Each file
 * appears complete; a second call skips the files that are there, so a stopped run goes on and more
 * weeks can be added.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { mondayOfIsoWeek } from '../../domain/traffic/generator-calendar.js';
import { formatServicemap, formatStats } from '../../domain/traffic/generator-csv.js';
import { recordEvent } from '../../domain/traffic/generator-events.js';
import { GENERATOR } from '../../domain/traffic/generator-parameters.js';
import { planWeek, type DayPlan, type VolumeMode } from '../../domain/traffic/generator-volume.js';
import {
  createWorld,
  type Popularity,
  type World,
  type WorldOptions,
} from '../../domain/traffic/generator-world.js';
import {
  dayFileOf,
  statsFileOf,
  writeGeneratedDay,
  type DayTarget,
  type GeneratedCompression,
} from './generate-day.js';
import type { DayThreadData } from './generate-day-thread.js';
import { openGeneratedFolder, writeAtomically, type WrittenFile } from './generated-folder.js';

/** What to write, and where. */
export interface GenerateFlowsOptions {
  /** Folder of the data set; made when it is not there. */
  readonly outDir: string;
  readonly seed: number;
  /** ISO weeks, such as `2022-W22`. */
  readonly weeks: readonly string[];
  /** Rows in the seven day files of a week, >= 7; with volume `year`, of an ordinary week. */
  readonly flowsPerWeek: number;
  /** @default 180 */
  readonly apps?: number;
  /** Scripted events `kind@YYYY-Www[-D]`. @default none */
  readonly events?: readonly string[];
  /** @default 'balanced' */
  readonly popularity?: Popularity;
  /** @default 'exact' */
  readonly volume?: VolumeMode;
  /** Whether templates change by themselves every week. @default true */
  readonly weeklyDrift?: boolean;
  /** @default 'xz' */
  readonly compression?: GeneratedCompression;
  /** Threads that make days at the same time; 1 = this one. Threads run compiled code only. @default 1 */
  readonly jobs?: number;
  /** Called after every day file. */
  readonly onProgress?: (progress: GenerateProgress) => void;
  /** Asked between days, and with one job between chunks of rows; true ends the call with nothing half-written. */
  readonly shouldStop?: () => boolean;
}

/** How far the call has come. */
interface GenerateProgress {
  /** Path of the file just finished or skipped, below `outDir`. */
  readonly file: string;
  readonly filesDone: number;
  readonly filesTotal: number;
  /** Rows in the files done. */
  readonly rows: number;
}

/** What lies in the folder now. */
export interface GenerateResult {
  /** Day files of the asked weeks that are complete. */
  readonly files: number;
  /** Day files among them that were there before. */
  readonly filesSkipped: number;
  readonly rows: number;
  /** True when `shouldStop` ended the call early. */
  readonly stopped: boolean;
}

/**
 * Writes the weeks.
 *
 * @throws PipelineError GENERATE_DIR_DIFFERS when the folder holds other files, or files of other parameters; GENERATE_BAD_* for the options
 */
export async function generateFlows(options: GenerateFlowsOptions): Promise<GenerateResult> {
  const { outDir, seed, flowsPerWeek, apps = GENERATOR.apps, events = [] } = options;
  const { popularity = 'balanced', volume = 'exact', weeklyDrift = true } = options;
  const { compression = 'xz', jobs = 1, shouldStop = () => false } = options;
  const worldOptions = { seed, apps, events, popularity, weeklyDrift };
  const world = createWorld(worldOptions);
  const plans = options.weeks.flatMap((week) => planWeek(world, week, flowsPerWeek, volume));
  const folder = await openGeneratedFolder(outDir, {
    ...{ seed, flowsPerWeek, apps, events: [...events], compression },
    // only where they differ from what folders of earlier versions were made with
    ...(popularity !== 'balanced' && { popularity }),
    ...(volume !== 'exact' && { volume }),
    ...(!weeklyDrift && { weeklyDrift }),
  });
  await writeAtomically(join(outDir, 'servicemap.csv'), formatServicemap(world));

  const result = { files: 0, filesSkipped: 0, rows: 0, stopped: false };
  const queue = [...plans];
  const workOff = async (writer: DayWriter): Promise<void> => {
    for (let plan = queue.shift(); plan !== undefined; plan = queue.shift()) {
      if (shouldStop()) result.stopped = true;
      if (result.stopped) return;
      const file = dayFileOf(plan, compression);
      if (await folder.isComplete(file)) {
        result.filesSkipped++;
      } else {
        const written = await writer.write(plan);
        if (written === null) result.stopped = true;
        if (written === null) return;
        await folder.add(file, written);
      }
      result.files++;
      result.rows += plan.flows;
      const { files: filesDone, rows } = result;
      options.onProgress?.({ file, filesDone, filesTotal: plans.length, rows });
    }
  };
  const target = { outDir, compression };
  const writers =
    jobs > 1
      ? Array.from({ length: Math.min(jobs, plans.length) }, () =>
          startThread(worldOptions, target),
        )
      : [writeHere(world, { ...target, shouldStop })];
  try {
    await Promise.all(writers.map(workOff));
  } finally {
    await Promise.all(writers.map((writer) => writer.end()));
  }
  if (result.stopped) return result;
  await writeSums(outDir, folder.files());
  await writeAtomically(join(outDir, 'events.json'), formatEvents(world, folder.files()));
  return result;
}

interface DayWriter {
  readonly write: (plan: DayPlan) => Promise<WrittenFile | null>;
  readonly end: () => Promise<unknown>;
}

function writeHere(world: World, target: DayTarget): DayWriter {
  return {
    write: (plan) => writeGeneratedDay(world, plan, target),
    end: () => Promise.resolve(),
  };
}

function startThread(world: WorldOptions, target: DayThreadData['target']): DayWriter {
  const thread = new Worker(new URL('./generate-day-thread.js', import.meta.url), {
    workerData: { world, target } satisfies DayThreadData,
  });
  return {
    async write(plan) {
      const answer = once(thread, 'message'); // rejects when the thread fails
      thread.postMessage(plan);
      const [written] = (await answer) as [WrittenFile]; // what the thread answers without shouldStop
      return written;
    },
    end: () => thread.terminate(),
  };
}

/** `stats-week.json` of every week and `stats-dataset.json`: the sums of the statistics of the days. */
async function writeSums(outDir: string, dayFiles: readonly string[]): Promise<void> {
  const dataset = new Map<string, number>();
  const weeks = new Map<string, Map<string, number>>();
  for (const file of dayFiles) {
    const folder = weekFolderOf(file);
    const week = weeks.get(folder) ?? new Map<string, number>();
    weeks.set(folder, week);
    const text = await readFile(join(outDir, statsFileOf(file)), 'utf8');
    const { apps } = JSON.parse(text) as { apps: Record<string, number> }; // our own file
    for (const [app, rows] of Object.entries(apps)) {
      for (const sums of [dataset, week]) sums.set(app, (sums.get(app) ?? 0) + rows);
    }
  }
  for (const [folder, sums] of weeks) {
    await writeAtomically(join(outDir, folder, 'stats-week.json'), formatStats(sums));
  }
  await writeAtomically(join(outDir, 'stats-dataset.json'), formatStats(dataset));
}

/** Ground truth: the scripted events, and what changed by itself in the weeks that are in the folder. */
function formatEvents(world: World, dayFiles: readonly string[]): string {
  const weeks = [...new Set(dayFiles.map(weekFolderOf))].map((folder) =>
    folder.replace(/^WEEK-(\d+)-/, '$1-W'),
  );
  const document = {
    seed: world.seed,
    apps: world.appCount,
    weeks,
    events: world.events.map(recordEvent),
    naturalChanges: weeks.flatMap((week) => world.stateOn(mondayOfIsoWeek(week)).changes),
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

function weekFolderOf(dayFile: string): string {
  return dayFile.split(/[\\/]/)[0] ?? '';
}
