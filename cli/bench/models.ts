/** Our models against the same models in Python: training and prediction, on the same rows and as many threads. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { boostingCases } from './boosting-cases.js';
import { networkCases } from './network-cases.js';
import { comparePairs, type BenchCase } from './pairs.js';

/** What to measure on. */
export interface ModelsBenchOptions {
  readonly pairs: number;
  /** Python interpreter that has the peers' packages. */
  readonly python: string;
  /** The set-up folder, where our libraries are. */
  readonly setupDir: string;
  /** Flows to train on; a fifth of them validate. */
  readonly flows: number;
  readonly threads: number;
}

/** One comparison; both sides give one figure in the label's unit. */
export interface ModelCase {
  readonly label: { readonly case: string; readonly unit: string; readonly peer: string };
  readonly ours: () => Promise<number>;
  readonly theirs: () => Promise<number>;
}

/** Cases with what they hold, e.g. a peer process. */
export interface ModelCases {
  readonly cases: readonly ModelCase[];
  readonly close: () => Promise<void>;
}

/** Makes the cases of one family of models; `folder` is for their files. */
export type MakeModelCases = (options: ModelsBenchOptions, folder: string) => Promise<ModelCases>;

const FAMILIES: readonly MakeModelCases[] = [boostingCases, networkCases];

/**
 * Times each case in alternating pairs; each side has run once before.
 *
 * @throws PipelineError BENCH_PEER_FAILED when a peer ends
 */
export async function benchModels(
  options: ModelsBenchOptions,
  say: (line: string) => void,
): Promise<BenchCase[]> {
  const results: BenchCase[] = [];
  for (const makeCases of FAMILIES) {
    const folder = await mkdtemp(join(tmpdir(), 'sentinel-bench-'));
    try {
      const { cases, close } = await makeCases(options, folder);
      try {
        for (const { label, ours, theirs } of cases) {
          await ours();
          await theirs();
          results.push(await comparePairs(label, { ours, theirs }, options.pairs));
          say(`${label.case} measured`);
        }
      } finally {
        await close();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return results;
}
