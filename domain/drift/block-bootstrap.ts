/**
 * What a statistic of two windows reaches by chance: both are drawn from the reference, hour by hour.
 *
 * Flows of one hour resemble each other, so hours are drawn with replacement and not flows: drawing these would make
 * thresholds too low. Each block of flows is a row of sums, and a window the sum of its blocks.
 *
 * @see Künsch, "The jackknife and the bootstrap for general stationary observations", Ann. Stat. 17, 1989
 */
import type { SeededRandom } from '../../contracts/seeded-random.js';

/** Sums of each block. */
export interface BlockSums {
  /** Sums a block has. */
  readonly width: number;
  /** [blocks, width] row-major */
  readonly sums: Float64Array;
  /** [blocks] flows */
  readonly rows: readonly number[];
}

/** How chance is drawn. */
export interface Chance {
  readonly draws: number;
  readonly random: Pick<SeededRandom, 'below'>;
}

/** A statistic, and what it reaches by chance. */
export interface Measured {
  readonly value: number;
  /** [draws] */
  readonly null: Float64Array;
}

/** Fewest blocks; where there are fewer, flows are dealt into this many one by one. */
const MIN_BLOCKS = 24;

/**
 * Adds up flows by block.
 *
 * @param blocks [N] any ids
 * @param add    adds flow i to the sums that begin at `base`
 */
export function sumBlocks(
  blocks: Int32Array,
  width: number,
  add: (sums: Float64Array, base: number, i: number) => void,
): BlockSums {
  const ids = new Map<number, number>();
  for (const block of blocks) if (!ids.has(block)) ids.set(block, ids.size);
  const isDealt = ids.size < MIN_BLOCKS;
  const count = isDealt ? MIN_BLOCKS : ids.size;
  const sums = new Float64Array(count * width);
  const rows = new Array<number>(count).fill(0);
  blocks.forEach((id, i) => {
    const block = isDealt ? i % count : ids.get(id)!; // every block has an id
    add(sums, block * width, i);
    rows[block]!++; // block < count
  });
  return { width, sums, rows };
}

/** All blocks together, [width]. */
export function totalOf({ width, sums }: BlockSums): Float64Array {
  const total = new Float64Array(width);
  sums.forEach((sum, at) => {
    total[at % width]! += sum; // at % width < width
  });
  return total;
}

/**
 * Draws pairs of windows and returns the statistic of each pair.
 *
 * @param sizes flows of the window that stands for the current one, and of the one for the reference
 * @returns [draws]
 */
export function drawNull(
  blocks: BlockSums,
  sizes: { readonly current: number; readonly reference: number },
  draws: number,
  random: Pick<SeededRandom, 'below'>,
  statistic: (current: Float64Array, reference: Float64Array) => number,
): Float64Array {
  const values = new Float64Array(draws);
  const current = new Float64Array(blocks.width);
  const reference = new Float64Array(blocks.width);
  for (let draw = 0; draw < draws; draw++) {
    drawWindow(blocks, sizes.current, random, current);
    drawWindow(blocks, sizes.reference, random, reference);
    values[draw] = statistic(current, reference);
  }
  return values;
}

/** Blocks with replacement until they hold n flows; the last one in part, so that the sizes are exact. */
function drawWindow(
  { width, sums, rows }: BlockSums,
  n: number,
  random: Pick<SeededRandom, 'below'>,
  window: Float64Array,
): void {
  window.fill(0);
  for (let left = n; left > 0;) {
    const block = random.below(rows.length);
    const held = rows[block]!; // block < blocks
    if (held === 0) continue;
    const part = Math.min(1, left / held);
    for (let k = 0; k < width; k++) window[k]! += part * sums[block * width + k]!; // inside both
    left -= held;
  }
}
