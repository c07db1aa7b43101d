/**
 * Where a training stands after an epoch, on disk, so that one that was killed goes on from there.
 *
 * One file, replaced as a whole: whoever is killed at any moment leaves the state before or after.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import type { AdamState } from './adam.js';
import type { Epoch } from './settings.js';

/** All that the next epoch depends on beside data, settings and seed. */
export interface TrainingState {
  /** The epochs so far, from 1. */
  readonly history: readonly Epoch[];
  /** Epoch with the highest validation macro-F1; 0 before the first. */
  readonly best: number;
  /** One array for each variable of the network, in its order. */
  readonly weights: readonly Float32Array[];
  /** The weights after epoch `best`. */
  readonly bestWeights: readonly Float32Array[];
  readonly optimiser: AdamState;
}

/** The checkpoint of one training. */
export interface Checkpoint {
  /** What was saved last by a training with the same key; undefined when there is none. */
  read(): Promise<TrainingState | undefined>;
  /** Replaces what was saved; on disk when the promise is kept. */
  write(state: TrainingState): Promise<void>;
}

/** What decides the course of a training: settings and such as JSON, and the bytes of its data. */
export interface TrainingInputs {
  readonly description: unknown;
  readonly arrays: readonly (Float32Array | Int32Array | Uint8Array)[];
}

const FILE = 'checkpoint.bin';

/** The checkpoint in `dir`, which need not be there; what another training has left there is not read. */
export function openCheckpoint(dir: string, inputs: TrainingInputs): Checkpoint {
  const file = join(dir, FILE);
  const key = keyOf(inputs);
  return {
    async read() {
      try {
        // both are of this file's own writing
        const saved = deserialize(await readFile(file)) as { key: string; state: TrainingState };
        return saved.key === key ? saved.state : undefined;
      } catch {
        return undefined; // absent, or damaged by the disk: the training begins anew
      }
    },
    async write(state) {
      await mkdir(dir, { recursive: true });
      const temporary = `${file}.${randomUUID()}.tmp`; // a child that was given up may still write
      await writeFile(temporary, serialize({ key, state }), { flush: true });
      await rename(temporary, file);
      const folder = await open(dir, 'r');
      try {
        await folder.sync(); // else a power cut may undo the rename
      } finally {
        await folder.close();
      }
    },
  };
}

function keyOf({ description, arrays }: TrainingInputs): string {
  const hash = createHash('sha256').update(JSON.stringify(description));
  for (const array of arrays) {
    hash.update(`\n${array.length}\n`);
    hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  }
  return hash.digest('hex');
}
