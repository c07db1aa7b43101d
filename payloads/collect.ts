/** Removes stored values that nothing needs any more. */
import type { BlobStore } from './blob-store.js';

/** What may go, and what must stay whatever its age. */
export interface Collection {
  /** Blobs put at this time or later stay, in ms since 1970 UTC. */
  readonly beforeMs: number;
  /** Hashes that runs, schedules or tables refer to. */
  readonly referenced: ReadonlySet<string>;
  /** Counts only. @default false */
  readonly dryRun?: boolean;
}

/** What a collection did, or in a dry run would do. Bytes are as stored, compressed. */
export interface Collected {
  readonly removed: number;
  readonly removedBytes: number;
  readonly kept: number;
  readonly keptBytes: number;
  /** Old enough to go, but referred to. */
  readonly keptForReferences: number;
}

/** Removes each blob that is old and that nobody refers to, and what killed writers have left. */
export async function collectPayloads(
  store: BlobStore,
  { beforeMs, referenced, dryRun = false }: Collection,
): Promise<Collected> {
  const sum = { removed: 0, removedBytes: 0, kept: 0, keptBytes: 0, keptForReferences: 0 };
  for await (const { hash, storedBytes, putMs } of store.list()) {
    const isOld = putMs < beforeMs;
    const isNeeded = referenced.has(hash);
    if (isOld && !isNeeded && (dryRun || (await store.removeIfOlder(hash, beforeMs)))) {
      sum.removed += 1;
      sum.removedBytes += storedBytes;
    } else {
      sum.kept += 1;
      sum.keptBytes += storedBytes;
      if (isOld && isNeeded) sum.keptForReferences += 1;
    }
  }
  if (!dryRun) await store.removeLeftovers(beforeMs);
  return sum;
}
