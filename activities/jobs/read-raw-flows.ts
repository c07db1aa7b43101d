/** All flows of raw files, file after file, without a table. */
import type { Fault } from '../../contracts/errors.js';
import { joinFlows, type FlowSet } from '../../feature-store/read-flows.js';
import { openRawSources } from './raw-sources.js';

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
  const raw = await openRawSources([input], { scratchDir, threads });
  const sets: FlowSet[] = [];
  const faults: Fault[] = [];
  let rowsRejected = 0;
  try {
    for (const [at, source] of raw.sources.entries()) {
      const parsed = await raw.read(source, (batch) => {
        sets.push(batch);
      });
      rowsRejected += parsed.rowsRejected;
      faults.push(...parsed.faults.slice(0, SHOWN_FAULTS - faults.length));
      progress(`${at + 1} of ${raw.sources.length} files read`);
    }
  } finally {
    raw.close();
  }
  return { flows: joinFlows(sets), rowsRejected, faults };
}
