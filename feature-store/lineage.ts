/** From a version of `flow_features` back to its files, the version of `flows` behind them, and the raw files. */
import { PipelineError } from '../contracts/errors.js';
import { readLogEntry, readSnapshot, type LiveFile, type Snapshot } from './delta/snapshot.js';
import { isInWeek } from './derived.js';
import { sourcesOf } from './source-tags.js';
import { FLOW_FEATURES, FLOWS, tableFolder } from './tables.js';
import { weekRows } from './week-rows.js';

/** A data file of a table. */
export interface LineageFile {
  /** Absolute path, or a URI in a bucket. */
  readonly file: string;
  readonly rows: number;
  readonly bytes: number;
  /** Version of the table that added it. */
  readonly addedIn: number;
}

/** A raw file, and how many rows of it were used. */
export interface LineageSource {
  readonly file: string;
  readonly sha256: string;
  readonly rows: number;
}

/** Where the features of one week came from. */
export interface WeekLineage {
  readonly week: string;
  /** Files of `flow_features`. */
  readonly features: readonly LineageFile[];
  /** Version of `flows` that they were computed from, and its files of the week. */
  readonly flowsVersion: number;
  readonly flows: readonly LineageFile[];
  readonly sources: readonly LineageSource[];
}

/** What one commit added, by the log. */
export interface CommitLineage {
  readonly table: string;
  readonly version: number;
  /** ISO 8601, UTC. */
  readonly committedAt: string;
  /** What the writer said of it: the run, the week, the source. */
  readonly info: Readonly<Record<string, string>>;
  /** Absolute paths of the files that the commit added. */
  readonly files: readonly string[];
}

/**
 * Files and sources of some weeks of a version of `flow_features`.
 *
 * @param weeks weeks without rows are left out. @default all of the version
 * @param sha256 of a raw file: then only files of `flows` with rows of it. @default all
 * @throws PipelineError TABLE_UNKNOWN, TABLE_VERSION_UNKNOWN
 */
export async function weekLineage(
  tablesRoot: string,
  version: number,
  weeks?: readonly string[],
  sha256?: string,
): Promise<WeekLineage[]> {
  const features = await requireSnapshot(tablesRoot, FLOW_FEATURES.name, version);
  const wanted = weekRows(features).filter(({ week }) => weeks?.includes(week) ?? true);
  const flows = new Map<number, Snapshot>();
  const found: WeekLineage[] = [];
  for (const { week } of wanted) {
    const files = filesOf(features, week);
    const flowsVersion = await flowsBehind(features, files);
    const source =
      flows.get(flowsVersion) ?? (await requireSnapshot(tablesRoot, FLOWS.name, flowsVersion));
    flows.set(flowsVersion, source);
    const isOf = (raw: { sha256: string }) => sha256 === undefined || raw.sha256 === sha256;
    const flowFiles = filesOf(source, week).filter(
      (file) => sha256 === undefined || sourcesOf(file).some(isOf),
    );
    found.push({
      week,
      features: files.map(lineageFile),
      flowsVersion,
      flows: flowFiles.map(lineageFile),
      sources: rawFilesOf(flowFiles).filter(isOf),
    });
  }
  return found;
}

/**
 * One commit of a table.
 *
 * @throws PipelineError TABLE_UNKNOWN, TABLE_VERSION_UNKNOWN
 */
export async function commitLineage(
  tablesRoot: string,
  table: string,
  version: number,
): Promise<CommitLineage> {
  const { timestampMs, files } = await requireSnapshot(tablesRoot, table, version);
  return {
    table,
    version,
    committedAt: new Date(timestampMs).toISOString(),
    info: await commitInfo(tableFolder(tablesRoot, table), version),
    files: [...files.values()].flatMap(({ file, addedIn }) => (addedIn === version ? [file] : [])),
  };
}

/** Raw files of several weeks together, by name. */
export function mergeSources(weeks: readonly WeekLineage[]): LineageSource[] {
  return addUp(weeks.flatMap(({ sources }) => sources));
}

/** The commit that wrote a week says which version of `flows` it read. */
async function flowsBehind(features: Snapshot, files: readonly LiveFile[]): Promise<number> {
  const addedIn = Math.max(...files.map((file) => file.addedIn));
  return Number((await commitInfo(features.table, addedIn))['flowsVersion']);
}

async function commitInfo(table: string, version: number): Promise<Record<string, string>> {
  const entry = await readLogEntry(table, version);
  return { ...entry.find((line) => line.commitInfo)?.commitInfo?.operationParameters };
}

function rawFilesOf(files: readonly LiveFile[]): LineageSource[] {
  return addUp(
    files.flatMap((live) =>
      sourcesOf(live).map(({ path: file, sha256, rows }) => ({ file, sha256, rows })),
    ),
  );
}

function addUp(sources: readonly LineageSource[]): LineageSource[] {
  const bySha = new Map<string, LineageSource>();
  for (const source of sources) {
    const rows = (bySha.get(source.sha256)?.rows ?? 0) + source.rows;
    bySha.set(source.sha256, { ...source, rows });
  }
  return [...bySha.values()].sort((a, b) => (a.file < b.file ? -1 : 1));
}

function filesOf(snapshot: Snapshot, week: string): LiveFile[] {
  return [...snapshot.files.values()].filter(isInWeek(week));
}

function lineageFile({ file, rows, bytes, addedIn }: LiveFile): LineageFile {
  return { file, rows, bytes, addedIn };
}

async function requireSnapshot(
  tablesRoot: string,
  table: string,
  version: number,
): Promise<Snapshot> {
  const snapshot = await readSnapshot(tableFolder(tablesRoot, table), { version });
  if (snapshot !== undefined) return snapshot;
  throw new PipelineError({
    code: 'TABLE_UNKNOWN',
    file: tableFolder(tablesRoot, table),
    found: 'no table',
    fix: 'point SENTINEL_HOME at the home that made it; its tables may have been moved',
  });
}
