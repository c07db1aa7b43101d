/** Planning a backfill: what is done about each partition of a range, and why. */
import {
  MAX_BACKFILL_RUNS,
  type BackfillRequest,
  type PlannedRun,
  type Reprocess,
} from '../contracts/backfill.js';
import { dagRunId } from '../contracts/engine.js';
import { PipelineError } from '../contracts/errors.js';
import { partitionRange } from './partitions.js';
import type { Plan } from './plan.js';

/** What is known of a partition that has been run, or is being run. */
export interface KnownRun {
  /** Of its newest run. */
  readonly state: 'running' | 'success' | 'failed' | 'cancelled';
  /** Why the newest run that succeeded does not count, in words; undefined while it does. */
  readonly stale?: string;
  /** False when no run of the partition has succeeded. */
  readonly succeeded: boolean;
}

/** What `planBackfill` decides upon. */
export interface BackfillQuestion {
  readonly dag: string;
  /** Oldest first. */
  readonly partitions: readonly string[];
  readonly reprocess: Reprocess;
  readonly reverse: boolean;
  /** By partition; a partition that is missing was never run. */
  readonly known: ReadonlyMap<string, KnownRun>;
}

/**
 * What is done about each partition, in the order in which runs start.
 *
 * Each partition is judged by itself: the plans of [a, m) and [m, b), one after the other, are the plan
 * of [a, b).
 */
export function planBackfill(question: BackfillQuestion): PlannedRun[] {
  const { dag, partitions, reprocess, reverse, known } = question;
  const planned = partitions.map((partition) => ({
    dag,
    partition,
    ...decide(reprocess, known.get(partition)),
  }));
  return reverse ? planned.reverse() : planned;
}

/**
 * Adds the runs that follow from others: each partition of `planned` is followed by those of the DAGs
 * downstream. Such a run follows when a run before it runs; else it is judged as any other.
 *
 * @param downstream questions about the same partitions, each DAG after those that it follows
 * @param upstreamOf DAGs that a DAG downstream follows, by its id
 */
export function planCascade(
  planned: readonly PlannedRun[],
  downstream: readonly BackfillQuestion[],
  upstreamOf: ReadonlyMap<string, readonly string[]>,
): PlannedRun[] {
  return planned.flatMap((first) => {
    const runs = new Map([[first.dag, first]]);
    for (const { dag, reprocess, known } of downstream) {
      const upstream = (upstreamOf.get(dag) ?? [])
        .flatMap((id) => runs.get(id) ?? [])
        .filter(({ action }) => action !== 'skip')
        .map((run) => dagRunId(run.dag, run.partition));
      const { partition } = first;
      const state = known.get(partition);
      runs.set(dag, {
        ...{ dag, partition },
        ...(upstream.length === 0
          ? decide(reprocess, state)
          : { ...again(`follows ${upstream.join(', ')}`, state), after: upstream }),
      });
    }
    return [...runs.values()];
  });
}

/**
 * The partitions of a range, both ends included, oldest first.
 *
 * @throws PipelineError BACKFILL_INVALID for a DAG without partitions, DAG_BAD_PARTITION
 */
export function backfillPartitions(
  plan: Plan,
  { from, to }: Pick<BackfillRequest, 'from' | 'to'>,
): string[] {
  if (plan.partitions !== 'none') return partitionRange(plan.partitions, from, to);
  throw new PipelineError({
    code: 'BACKFILL_INVALID',
    found: `a backfill of ${plan.dag}, whose runs have no partition`,
    expected: 'a DAG with partitions',
    fix: `run it with \`sentinel run ${plan.dag}\``,
  });
}

/** @throws PipelineError BACKFILL_INVALID when the table would be too large to travel */
export function requireRoom(runs: readonly PlannedRun[]): void {
  if (runs.length <= MAX_BACKFILL_RUNS) return;
  throw new PipelineError({
    code: 'BACKFILL_INVALID',
    found: `a backfill of ${runs.length} runs`,
    expected: `at most ${MAX_BACKFILL_RUNS}`,
    fix: 'cut the range into several backfills',
  });
}

type Decision = Pick<PlannedRun, 'action' | 'reason' | 'follows'>;

function decide(reprocess: Reprocess, known: KnownRun | undefined): Decision {
  if (known === undefined) return { action: 'run', reason: 'never run' };
  if (known.state === 'running') return { action: 'join', reason: 'a run is open' };
  const skip = (reason: string): Decision => ({ action: 'skip', reason });
  const newest = `its newest run ended as ${known.state}`;
  switch (reprocess) {
    case 'none':
      return skip(`${newest}; --reprocess none runs no partition twice`);
    case 'failed':
      return known.state === 'success' ? skip(newest) : again(newest, known);
    case 'completed':
      return again(newest, known);
    case 'stale':
      if (!known.succeeded) return again(newest, known);
      return known.stale === undefined
        ? skip('a run has succeeded, and nothing it used has changed')
        : again(known.stale, known);
  }
}

/** A run, whatever was before; one that is open is still joined. */
function again(reason: string, known: KnownRun | undefined): Decision {
  if (known === undefined) return { action: 'run', reason };
  if (known.state === 'running') return { action: 'join', reason: 'a run is open' };
  return { action: 'run', reason, follows: known.succeeded ? 'any' : 'unsuccessful' };
}
