/** Raw files, parsed one after the other into flows that no table holds. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorOf } from '../../contracts/errors.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import {
  connectionsFor,
  parseFlows,
  type ParsedSource,
} from '../../feature-store/ingest/parse-flows.js';
import { readParsedFlows, type FlowSet } from '../../feature-store/read-flows.js';
import { listSources, type SourceFile } from '../../feature-store/sources/list-sources.js';

/** Files that can be read until they are closed. */
export interface RawSources {
  readonly sources: readonly SourceFile[];
  /** Hands the flows of a file to `use`, some thousand at a time; one file at a time. */
  read(
    source: SourceFile,
    use: (flows: FlowSet) => void,
    options?: Pick<Parameters<typeof readParsedFlows>[0], 'transformer' | 'sample'>,
  ): Promise<ParsedSource>;
  close(): void;
}

/** Below this a file for each application costs more than the quick way to type rows saves. */
const SMALL_FILE_BYTES = 1_000_000;

/**
 * Lists raw files. A file without flows is left out: a day may have none, as in the published set.
 *
 * @throws PipelineError as `listSources` says of files that cannot be read
 */
export async function openRawSources(
  paths: readonly string[],
  { scratchDir, threads }: { readonly scratchDir: string; readonly threads: number },
): Promise<RawSources> {
  const listing = await listSources([...paths]);
  const [first, ...others] = listing.faults.filter(({ code }) => code !== 'FLOW_FILE_EMPTY');
  if (first !== undefined) throw errorOf(first.code, [first, ...others]);
  const parseDb = await FeatureDb.open({
    threads: 1,
    tempDirectory: join(scratchDir, 'parse-spill'),
  });
  const db = await FeatureDb.open({ threads, tempDirectory: join(scratchDir, 'spill') });
  const stagingDir = join(scratchDir, 'parsed');
  return {
    sources: listing.flows,
    read: async (source, use, options = {}) => {
      try {
        const parsed = await parseFlows({
          ...{ source, db: parseDb, stagingDir, connections: connectionsFor(threads) },
          filed: source.bytes > SMALL_FILE_BYTES,
        });
        const request = { db, parsed, scratchDir: join(scratchDir, 'features'), ...options };
        await readParsedFlows(request, (batch) => Promise.resolve(use(batch)));
        return parsed;
      } finally {
        await rm(stagingDir, { recursive: true, force: true });
      }
    },
    close: () => {
      parseDb.close();
      db.close();
    },
  };
}
