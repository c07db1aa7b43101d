/**
 * A parsed file into the tables, by source: its rows replace the rows of the same path, whatever they were.
 *
 * The transaction `ingest/<sha256>` counts: odd versions mean that the content is in the table, even ones
 * that a later content of the same path took its place. So the same file twice is a no-op, and a file
 * that goes back to an earlier content is read again.
 */
import { rm } from 'node:fs/promises';
import type { Fault } from '../../contracts/errors.js';
import { commitTable, type CommitResult } from '../delta/commit.js';
import { scanSnapshot } from '../delta/scan.js';
import { countRows, readSnapshot, type LiveFile, type Snapshot } from '../delta/snapshot.js';
import { FeatureDb } from '../duckdb.js';
import type { SourceFile } from '../sources/list-sources.js';
import { FLOWS, FLOWS_REJECTED, tableFolder } from '../tables.js';
import { countByApp, type ParsedSource } from './parse-flows.js';
import { firstRowFaults } from './row-faults.js';

/**
 * What parsing this file would report, when the store holds its content as it is now.
 *
 * @param source the file's path, which the faults name, and its SHA-256
 */
export async function findIngested(
  tablesRoot: string,
  source: Pick<SourceFile, 'path' | 'sha256'>,
): Promise<
  | Pick<ParsedSource, 'rowsRead' | 'rowsStored' | 'rowsRejected' | 'rowsByApp' | 'faults'>
  | undefined
> {
  const { path: file, sha256 } = source;
  const flows = await readSnapshot(tableFolder(tablesRoot, FLOWS.name));
  if (!isPresent(flows, sha256)) return undefined;
  const rejected = await readSnapshot(tableFolder(tablesRoot, FLOWS_REJECTED.name));
  const ofContent = ({ tags }: LiveFile): boolean => tags['source_sha'] === sha256;
  const stored = liveFiles(flows).filter(ofContent);
  const rowsStored = countRows(stored);
  const rowsRejected = countRows(liveFiles(rejected).filter(ofContent));
  return {
    rowsRead: rowsStored + rowsRejected,
    rowsStored,
    rowsRejected,
    rowsByApp: countByApp(stored),
    faults:
      rejected === undefined || rowsRejected === 0
        ? []
        : await storedFaults(scanSnapshot(rejected, ofContent), file),
  };
}

/**
 * Commits a parsed file; rejects go first, the commit to `flows` decides.
 *
 * @throws PipelineError DELTA_CONFLICT when another content of the same path was committed meanwhile
 */
export async function commitParsed(request: {
  readonly tablesRoot: string;
  readonly parsed: ParsedSource;
  /** What a person wants to know of this version, e.g. the run. */
  readonly info?: Readonly<Record<string, string>>;
}): Promise<CommitResult> {
  const { tablesRoot, parsed, info = {} } = request;
  const flowsTable = tableFolder(tablesRoot, FLOWS.name);
  const rejectedTable = tableFolder(tablesRoot, FLOWS_REJECTED.name);
  const flows = await readSnapshot(flowsTable);
  if (flows !== undefined && isPresent(flows, parsed.sourceSha)) {
    for (const { file } of [...parsed.staged, ...parsed.stagedRejected])
      await rm(file, { force: true });
    return { version: flows.version, kind: 'already' };
  }
  const rejected = await readSnapshot(rejectedTable);
  const ofSource = (file: LiveFile): boolean =>
    file.tags['source_file'] === parsed.sourceFile || file.tags['source_sha'] === parsed.sourceSha;
  const shared = {
    removes: ofSource,
    txn: { appId: appId(parsed.sourceSha), version: recorded(flows, parsed.sourceSha) + 1 },
    info: { ...info, source: parsed.sourceFile },
  };
  const replaced = [...liveFiles(rejected), ...liveFiles(flows)].filter(ofSource);
  if (parsed.stagedRejected.length > 0 || liveFiles(rejected).some(ofSource))
    await commitTable({
      ...shared,
      table: rejectedTable,
      schema: FLOWS_REJECTED,
      adds: parsed.stagedRejected,
    });
  const withdrawn = new Set(replaced.map((file) => file.tags['source_sha'] ?? ''));
  return commitTable({
    ...shared,
    table: flowsTable,
    schema: FLOWS,
    adds: parsed.staged,
    otherTxns: [...withdrawn]
      .filter((sha) => sha !== parsed.sourceSha && isPresent(flows, sha))
      .map((sha) => ({ appId: appId(sha), version: recorded(flows, sha) + 1 })),
    readVersion: flows?.version ?? -1,
  });
}

async function storedFaults(rejected: string, file: string): Promise<Fault[]> {
  const db = await FeatureDb.open({ threads: 1 });
  try {
    return await db.session((session) => firstRowFaults(session, rejected, file));
  } finally {
    db.close();
  }
}

function liveFiles(snapshot: Snapshot | undefined): readonly LiveFile[] {
  return snapshot === undefined ? [] : [...snapshot.files.values()];
}

function isPresent(snapshot: Snapshot | undefined, sha256: string): boolean {
  return recorded(snapshot, sha256) % 2 === 1;
}

function recorded(snapshot: Snapshot | undefined, sha256: string): number {
  return snapshot?.txns.get(appId(sha256)) ?? 0;
}

function appId(sha256: string): string {
  return `ingest/${sha256}`;
}
