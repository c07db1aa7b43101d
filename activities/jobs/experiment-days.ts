/**
 * Flows day by day for an experiment that needs no tables: raw files in the layout that ingest reads, or an HDF5 file of
 * CESNET DataZoo. No more than one day is on the disk at a time, and a batch of it in memory.
 */
import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { PipelineError, type Fault } from '../../contracts/errors.js';
import { seededRandom } from '../../contracts/seeded-random.js';
import type { TabularFeature } from '../../domain/traffic/features.js';
import { storedColumns, type AppFlows } from '../../feature-store/read-flows.js';
import { DatazooFile, type DatazooDay } from '../../feature-store/sources/datazoo-hdf5.js';
import { detectCompression } from '../../feature-store/sources/decompress.js';
import { peekFirstTime } from '../../feature-store/sources/list-sources.js';
import { openRawSources } from './raw-sources.js';

/** What is read of a day. */
export interface DayRequest {
  readonly features: readonly TabularFeature[];
  /** Flows by chance, the same ones for the same seed; all when the day has no more. */
  readonly flows: number;
  readonly seed: number;
}

/** A file of flows, or a table. */
export interface ExperimentDay {
  /** Local day of the file, such as `2022-06-01`. */
  readonly day: string;
  /** How much it has: rows where they are known, else bytes. */
  readonly size: number;
  /**
   * Hands its flows over in batches.
   *
   * @returns how many rows did not parse, and the first of them
   */
  read(
    request: DayRequest,
    use: (flows: AppFlows) => void,
  ): Promise<{ readonly rowsRejected: number; readonly faults: readonly Fault[] }>;
}

/** The days of an input; `close` lets its files go. */
export interface ExperimentDays {
  readonly kind: 'raw' | 'datazoo';
  /** Ascending. */
  readonly days: readonly ExperimentDay[];
  readonly close: () => void;
}

/** What reading raw files may use. */
export interface DaysContext {
  /** Absolute folder of its own; the caller removes it. */
  readonly scratchDir: string;
  readonly threads: number;
}

/** Which days are wanted. */
export interface DaysRequest {
  /** An HDF5 file, or a folder with one or with raw files to any depth. */
  readonly input: string;
  readonly months: readonly string[];
  /** So many days of each month, evenly spaced; all when it has no more. */
  readonly daysPerMonth: number;
}

/**
 * Finds the days of some months.
 *
 * @throws PipelineError INPUT_NOT_FOUND, MONTH_MISSING, and what is wrong with the files
 */
export async function openDays(
  request: DaysRequest,
  context: DaysContext,
): Promise<ExperimentDays> {
  const { months } = request;
  const path = resolve(request.input);
  const files = await filesBelow(path);
  const hdf5 = files.filter((file) => /\.(h5|hdf5)$/i.test(file));
  const { there, ...opened } =
    hdf5.length > 0 ? await datazooDays(hdf5, request) : await rawDays(files, request, context);
  const missing = months.find((month) => !opened.days.some(({ day }) => day.startsWith(month)));
  if (missing === undefined) return opened;
  opened.close();
  throw new PipelineError({
    code: 'MONTH_MISSING',
    file: path,
    found: `no flows of ${missing}`,
    expected: `a month that it has: ${[...there].sort().join(', ') || 'none was found'}`,
    fix: 'name other months with --train and --test, or add its days',
  });
}

/**
 * How many flows each day gives for `flows` of all of them: in proportion to their sizes.
 *
 * @returns [days] whole numbers; they sum to `flows`
 */
export function shareOut(flows: number, days: readonly Pick<ExperimentDay, 'size'>[]): number[] {
  const total = days.reduce((sum, { size }) => sum + size, 0);
  let before = 0;
  let given = 0;
  return days.map(({ size }) => {
    before += size;
    const upTo = Math.round((flows * before) / total);
    const share = upTo - given;
    given = upTo;
    return share;
  });
}

/** The days of the wanted months, and which months there are. */
type Found = ExperimentDays & { readonly there: ReadonlySet<string> };

async function filesBelow(path: string): Promise<string[]> {
  const found = await stat(path).catch((cause: unknown) => {
    const fault: Fault = {
      ...{ code: 'INPUT_NOT_FOUND', file: path, found: 'no such file or folder' },
      fix: 'check the path; without --input the experiment runs on generated flows',
    };
    throw new PipelineError(fault, { cause });
  });
  if (!found.isDirectory()) return [path];
  const names = await readdir(path, { recursive: true, withFileTypes: true });
  return names.filter((one) => !one.isDirectory()).map((one) => join(one.parentPath, one.name));
}

async function datazooDays(files: readonly string[], request: DaysRequest): Promise<Found> {
  const [file, ...others] = files;
  if (file === undefined || others.length > 0)
    throw new PipelineError({
      ...{ code: 'CLI_USAGE', file: request.input, found: `${files.length} HDF5 files` },
      ...{ expected: 'one', fix: 'name one file with --input' },
    });
  const datazoo = await DatazooFile.open(file);
  const wanted = wantedOf(datazoo.days, request);
  const days = wanted.map((day) => ({
    day: day.day,
    size: day.rows,
    read: ({ features, flows, seed }: DayRequest, use: (flows: AppFlows) => void) => {
      const wants = chosen(day, flows, seed);
      for (const batch of datazoo.flows(day, { features, wants })) use(batch);
      return Promise.resolve({ rowsRejected: 0, faults: [] });
    },
  }));
  const there = new Set(datazoo.days.map(({ day }) => monthOf(day)));
  return { kind: 'datazoo', days, there, close: () => datazoo.close() };
}

/** Asked row by row, says yes to `flows` of all rows (Knuth's algorithm S). */
function chosen({ day, rows }: DatazooDay, flows: number, seed: number): () => boolean {
  const random = seededRandom(seed, 'flows of', day);
  let left = rows;
  let wanted = flows;
  return () => {
    const isChosen = random.uniform() * left < wanted;
    left -= 1;
    if (isChosen) wanted -= 1;
    return isChosen;
  };
}

async function rawDays(
  files: readonly string[],
  request: DaysRequest,
  context: DaysContext,
): Promise<Found> {
  const dated = await Promise.all(
    files
      .filter((file) => /\.(csv(\.(gz|xz))?|parquet)$/i.test(file))
      .map(async (file) => ({ file, day: await dayOf(file) })),
  );
  const wanted = wantedOf(dated, request);
  const raw = await openRawSources(
    wanted.map(({ file }) => file),
    context,
  );
  const days = raw.sources.map((source) => ({
    day: wanted.find(({ file }) => file === source.path)?.day ?? '',
    size: source.bytes,
    read: ({ features, flows, seed }: DayRequest, use: (flows: AppFlows) => void) =>
      raw.read(source, use, {
        transformer: storedColumns(features.map(({ name }) => name)),
        sample: { rows: flows, seed },
      }),
  }));
  return {
    kind: 'raw',
    days: days.sort((a, b) => (a.day < b.day ? -1 : a.day > b.day ? 1 : 0)),
    there: new Set(dated.flatMap(({ day }) => (day === '' ? [] : [monthOf(day)]))),
    close: () => {
      raw.close();
    },
  };
}

/** Those of the wanted months, and of these days spread over each month. */
function wantedOf<T extends { readonly day: string }>(
  all: readonly T[],
  { months, daysPerMonth }: DaysRequest,
): T[] {
  const wanted = new Set<string>();
  for (const month of months) {
    const days = [...new Set(all.map(({ day }) => day))]
      .filter((day) => monthOf(day) === month)
      .sort();
    const count = Math.min(daysPerMonth, days.length);
    for (let i = 0; i < count; i++)
      wanted.add(days[Math.floor(((i + 0.5) * days.length) / count)] ?? '');
  }
  return all.filter(({ day }) => wanted.has(day));
}

function monthOf(day: string): string {
  return day.slice(0, 7);
}

/** The date in the name, as in flows-20220601.csv.xz, else of the first row; empty when there is none. */
async function dayOf(file: string): Promise<string> {
  const [, year, month, day] = /(20\d\d)-?([01]\d)-?([0-3]\d)/.exec(basename(file)) ?? [];
  if (year !== undefined) return `${year}-${month}-${day}`;
  const time = await detectCompression(file)
    .then((compression) => peekFirstTime({ path: file, compression }))
    .catch(() => undefined); // no flow file
  return time?.toISOString().slice(0, 10) ?? '';
}
