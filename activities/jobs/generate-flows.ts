/**
 * Writes generated weeks as the raw data set lies on disk:
 *
 *     WEEK-2022-22/2022-05-30/flows-20220530.csv.xz  stats-20220530.json
 *     servicemap.csv  events.json  generated.json (manifest)
 *
 * Equal parameters give equal bytes. Each file appears complete (temporary name, then rename); a
 * second call skips the files that are there, so a stopped run goes on and more weeks can be added.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import lzma from 'lzma-native';
import { PipelineError } from '../../contracts/errors.js';
import { mondayOfIsoWeek } from '../../domain/traffic/generator-calendar.js';
import {
  formatDayStats,
  formatFlowRow,
  formatServicemap,
  GENERATED_HEADER,
} from '../../domain/traffic/generator-csv.js';
import { generateDay, planWeek, type DayPlan } from '../../domain/traffic/generator-day.js';
import { recordEvent } from '../../domain/traffic/generator-events.js';
import { GENERATOR, GENERATOR_VERSION } from '../../domain/traffic/generator-parameters.js';
import { createWorld, type World } from '../../domain/traffic/generator-world.js';

/** Compression of the day files; the real data set has xz. */
export const GENERATED_COMPRESSIONS = ['xz', 'gz', 'none'] as const;

/** How the written files are packed. */
export type GeneratedCompression = (typeof GENERATED_COMPRESSIONS)[number];

/** What to write, and where. */
export interface GenerateFlowsOptions {
  /** Folder of the data set; made when it is not there. */
  readonly outDir: string;
  readonly seed: number;
  /** ISO weeks, such as `2022-W22`. */
  readonly weeks: readonly string[];
  /** Rows in the seven day files of a week, >= 7. */
  readonly flowsPerWeek: number;
  /** @default 180 */
  readonly apps?: number;
  /** Scripted events `kind@YYYY-Www[-D]`. @default none */
  readonly events?: readonly string[];
  /** @default 'xz' */
  readonly compression?: GeneratedCompression;
  /** Called after every day file. */
  readonly onProgress?: (progress: GenerateProgress) => void;
  /** Asked between chunks of rows; true ends the call after removing the half-written file. */
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

const MANIFEST = 'generated.json';
const ROWS_PER_CHUNK = 500;

/** Speed before size: at preset 1 compression takes about a third of the time. */
const XZ_PRESET = 1;

/**
 * Writes the weeks.
 *
 * @throws PipelineError GENERATE_DIR_DIFFERS when the folder holds other files, or files of other parameters; GENERATE_BAD_* for the options
 */
export async function generateFlows(options: GenerateFlowsOptions): Promise<GenerateResult> {
  const { outDir, seed, flowsPerWeek, apps = GENERATOR.apps, events = [] } = options;
  const { compression = 'xz', shouldStop = () => false } = options;
  const world = createWorld({ seed, apps, events });
  const plans = options.weeks.flatMap((week) => planWeek(world, week, flowsPerWeek));

  await mkdir(outDir, { recursive: true });
  const parameters = { seed, flowsPerWeek, apps, events: [...events], compression };
  const manifest = await openManifest(outDir, parameters);
  await writeAtomically(join(outDir, 'servicemap.csv'), formatServicemap(world));

  let filesSkipped = 0;
  let files = 0;
  let rows = 0;
  for (const plan of plans) {
    const file = dayFile(plan, compression);
    if (await isComplete(outDir, file, manifest)) {
      filesSkipped++;
    } else {
      const written = await writeDay(world, plan, { outDir, file, compression, shouldStop });
      if (written === null) return { files, filesSkipped, rows, stopped: true };
      manifest.files[file] = written;
      await writeManifest(outDir, manifest);
    }
    files++;
    rows += plan.flows;
    options.onProgress?.({ file, filesDone: files, filesTotal: plans.length, rows });
  }
  await writeAtomically(join(outDir, 'events.json'), formatEvents(world, manifest));
  return { files, filesSkipped, rows, stopped: false };
}

interface Manifest {
  readonly version: number;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly parametersHash: string;
  /** Day files that are complete, by path below the folder. */
  readonly files: Record<string, WrittenFile>;
}

interface WrittenFile {
  readonly rows: number;
  readonly bytes: number;
}

async function openManifest(
  outDir: string,
  parameters: Readonly<Record<string, unknown>>,
): Promise<Manifest> {
  const identity = { version: GENERATOR_VERSION, parameters, generator: GENERATOR };
  const parametersHash = createHash('sha256').update(JSON.stringify(identity)).digest('hex');
  const fresh: Manifest = { version: GENERATOR_VERSION, parameters, parametersHash, files: {} };
  const entries = await readdir(outDir);
  if (!entries.includes(MANIFEST)) {
    if (entries.length > 0) throw differs(outDir, `${entries.length} entries without ${MANIFEST}`);
    await writeManifest(outDir, fresh);
    return fresh;
  }
  const found = parseManifest(await readFile(join(outDir, MANIFEST), 'utf8'));
  if (found?.parametersHash !== parametersHash) {
    const text = found === null ? 'no readable manifest' : JSON.stringify(found.parameters);
    throw differs(outDir, `version ${found?.version ?? '?'}, ${text}`, JSON.stringify(parameters));
  }
  return found;
}

function parseManifest(text: string): Manifest | null {
  try {
    const value: unknown = JSON.parse(text);
    const looksRight =
      typeof value === 'object' && value !== null && 'parametersHash' in value && 'files' in value;
    return looksRight ? (value as Manifest) : null; // our own file; the hash is compared next
  } catch {
    return null; // an unreadable manifest is reported by the caller as a folder that differs
  }
}

function differs(outDir: string, found: string, expected = 'an empty folder'): PipelineError {
  return new PipelineError({
    code: 'GENERATE_DIR_DIFFERS',
    file: outDir,
    found,
    expected,
    fix: 'Choose another --out folder, or repeat the parameters that made this one.',
  });
}

async function writeManifest(outDir: string, manifest: Manifest): Promise<void> {
  await writeAtomically(join(outDir, MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`);
}

/** `WEEK-2022-22/2022-05-30/flows-20220530.csv.xz` */
function dayFile(plan: DayPlan, compression: GeneratedCompression): string {
  const ending = compression === 'none' ? '' : `.${compression}`;
  return join(dayFolder(plan), `flows-${plan.date.replaceAll('-', '')}.csv${ending}`);
}

function dayFolder(plan: DayPlan): string {
  return join(plan.week.replace(/^(\d{4})-W(\d{2})$/, 'WEEK-$1-$2'), plan.date);
}

async function isComplete(outDir: string, file: string, manifest: Manifest): Promise<boolean> {
  const known = manifest.files[file];
  if (known === undefined) return false;
  const found = await stat(join(outDir, file)).catch(() => null); // gone: write it again
  return found?.size === known.bytes;
}

interface DayTarget {
  readonly outDir: string;
  readonly file: string;
  readonly compression: GeneratedCompression;
  readonly shouldStop: () => boolean;
}

/** Writes the day file and its statistics; null when told to stop. */
async function writeDay(
  world: World,
  plan: DayPlan,
  target: DayTarget,
): Promise<WrittenFile | null> {
  const path = join(target.outDir, target.file);
  const temporary = `${path}.${randomUUID()}.tmp`;
  await mkdir(dirname(path), { recursive: true });
  const rowsByApp = new Map<string, number>();
  const tally = { stopped: false };
  try {
    const text = Readable.from(dayText(world, plan, { rowsByApp, tally, ...target }), {
      objectMode: false,
      highWaterMark: 1 << 20,
    });
    const out = createWriteStream(temporary, { flags: 'wx', flush: true });
    switch (target.compression) {
      case 'xz':
        await pipeline(text, lzma.createCompressor({ preset: XZ_PRESET }), out);
        break;
      case 'gz':
        await pipeline(text, createGzip({ level: 6 }), out);
        break;
      case 'none':
        await pipeline(text, out);
        break;
    }
    if (tally.stopped) return null;
    await writeAtomically(
      join(dirname(path), `stats-${plan.date.replaceAll('-', '')}.json`),
      formatDayStats(rowsByApp),
    );
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  return { rows: plan.flows, bytes: (await stat(path)).size };
}

interface DayTally {
  readonly rowsByApp: Map<string, number>;
  readonly tally: { stopped: boolean };
  readonly shouldStop: () => boolean;
}

function* dayText(world: World, plan: DayPlan, tallies: DayTally): Generator<Buffer> {
  const { rowsByApp, tally, shouldStop } = tallies;
  let chunk = [GENERATED_HEADER];
  for (const flow of generateDay(world, plan)) {
    chunk.push(formatFlowRow(flow));
    rowsByApp.set(flow.app, (rowsByApp.get(flow.app) ?? 0) + 1);
    if (chunk.length < ROWS_PER_CHUNK) continue;
    yield Buffer.from(`${chunk.join('\n')}\n`);
    chunk = [];
    if (shouldStop()) {
      tally.stopped = true;
      return;
    }
  }
  if (chunk.length > 0) yield Buffer.from(`${chunk.join('\n')}\n`);
}

/** Ground truth: the scripted events, and what changed by itself in the weeks that are in the folder. */
function formatEvents(world: World, manifest: Manifest): string {
  const folders = Object.keys(manifest.files).map((file) => file.split(/[\\/]/)[0] ?? '');
  const weeks = [...new Set(folders)]
    .sort()
    .map((folder) => folder.replace(/^WEEK-(\d+)-/, '$1-W'));
  const document = {
    seed: world.seed,
    apps: world.appCount,
    weeks,
    events: world.events.map(recordEvent),
    naturalChanges: weeks.flatMap((week) => world.stateOn(mondayOfIsoWeek(week)).changes),
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

async function writeAtomically(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  await writeFile(temporary, text, { flag: 'wx', flush: true });
  await rename(temporary, path);
}
