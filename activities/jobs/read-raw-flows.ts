/** All flows of raw files, in order of time, without a table. */
import { join } from 'node:path';
import { rm } from 'node:fs/promises';
import { errorOf, type Fault } from '../../contracts/errors.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { connectionsFor, parseFlows } from '../../feature-store/ingest/parse-flows.js';
import { joinFlows, readParsedFlows, type FlowSet } from '../../feature-store/read-flows.js';
import { listSources } from '../../feature-store/sources/list-sources.js';

/** Flows, and the rows that are none. */
export interface RawFlows {
  readonly flows: FlowSet;
  readonly rowsRejected: number;
  readonly faults: readonly Fault[];
}

const SHOWN_FAULTS = 20;

/**
 * Reads a folder of raw files.
 *
 * @throws PipelineError as `listSources` says of files that cannot be read
 */
export async function readRawFlows(
  input: string,
  {
    scratchDir,
    threads,
    progress,
  }: {
    readonly scratchDir: string;
    readonly threads: number;
    readonly progress: (detail: string) => void;
  },
): Promise<RawFlows> {
  const listing = await listSources([input]);
  const [first, ...others] = listing.faults.filter(({ code }) => code !== 'FLOW_FILE_EMPTY');
  if (first !== undefined) throw errorOf(first.code, [first, ...others]);
  const parseDb = await FeatureDb.open({ threads: 1, tempDirectory: join(scratchDir, 'parse') });
  const db = await FeatureDb.open({ threads, tempDirectory: join(scratchDir, 'spill') });
  const sets: FlowSet[] = [];
  const faults: Fault[] = [];
  let rowsRejected = 0;
  try {
    for (const [at, source] of listing.flows.entries()) {
      const stagingDir = join(scratchDir, 'parsed');
      const parsed = await parseFlows({
        ...{ source, db: parseDb, stagingDir, connections: connectionsFor(threads) },
      });
      await readParsedFlows({ db, parsed, scratchDir: join(scratchDir, 'features') }, (batch) => {
        sets.push(batch);
        return Promise.resolve();
      });
      await rm(stagingDir, { recursive: true, force: true });
      rowsRejected += parsed.rowsRejected;
      faults.push(...parsed.faults.slice(0, SHOWN_FAULTS - faults.length));
      progress(`${at + 1} of ${listing.flows.length} files read`);
    }
  } finally {
    parseDb.close();
    db.close();
  }
  return { flows: joinFlows(sets), rowsRejected, faults };
}
