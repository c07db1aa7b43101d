/** Job A in a child: one raw file becomes staged rows of `flows` and `flows_rejected`. */
import { FeatureDb } from '../../feature-store/duckdb.js';
import {
  connectionsFor,
  parseFlows,
  type ParsedSource,
  type ParseRequest,
} from '../../feature-store/ingest/parse-flows.js';
import type { JobContext } from './index.js';

/** Stages the rows of one source; the caller commits them. */
export async function parseFlowsJob(
  { source, mapping }: Pick<ParseRequest, 'source' | 'mapping'>,
  { stagingDir, threads, progress }: JobContext,
): Promise<ParsedSource> {
  const db = await FeatureDb.open({
    threads: 1,
    memoryLimit: '768MB',
    tempDirectory: `${stagingDir}/spill`,
  });
  try {
    return await parseFlows({
      source,
      ...(mapping && { mapping }),
      stagingDir,
      db,
      connections: connectionsFor(threads),
      onProgress: (rows, bytes) =>
        progress(`${rows} rows, ${bytes} of ${source.bytes} bytes of ${source.path}`),
    });
  } finally {
    db.close();
  }
}
