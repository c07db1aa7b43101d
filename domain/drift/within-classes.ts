/**
 * What moved within the classes of flows, whatever their mix: a stratified permutation test.
 *
 * Under the null hypothesis flows of one class are alike in both windows. Blocks of flows (a class in an hour) are
 * drawn anew into a reference and a current side of the same sizes; what the statistics reach then is chance at
 * these sizes. Classes keep their flows, so a change of the mix alone moves nothing. Over all classes, reference
 * flows count as if the classes had the shares they have now.
 *
 * Class severities are compared with their own mean and deviation under the null, and the greatest of them with the
 * greatest of every draw, which holds the error over all classes together.
 *
 * @see Westfall and Young, "Resampling-Based Multiple Testing", 1993 (maxT)
 * @see MFWDD, doi 10.23919/CNSM62983.2024.10814630 (severity = weighted mean of scaled Wasserstein distances)
 */
import type { SeededRandom } from '../../contracts/seeded-random.js';
import type { Measured } from './block-bootstrap.js';
import { jensenShannonDistance, scaledWassersteinOfCounts } from './distances.js';

/** N flows of one side. */
export interface ClassedFlows {
  readonly n: number;
  /** [N] class of each flow, 0..K-1; -1 is left out. */
  readonly classes: Int32Array;
  /** [N] flows of a class with the same number stay together. Any ids. */
  readonly blocks: Int32Array;
  /** [N, D] row-major; feature d has codes 0 .. bins[d] - 1. */
  readonly binned: Uint8Array;
}

/** Both sides, and what is asked of them. */
export interface WithinClassesRequest {
  readonly reference: ClassedFlows;
  readonly current: ClassedFlows;
  readonly classCount: number;
  /** [D] */
  readonly bins: readonly number[];
  /** [D] share of each feature in a severity; features with 0 are not looked at. They sum to 1. */
  readonly weights: ArrayLike<number>;
  /** The feature whose distribution is compared by itself. */
  readonly alone: number;
  /** A class with fewer flows on a side is not judged by itself. */
  readonly minClassRows: number;
  readonly draws: number;
  readonly random: Pick<SeededRandom, 'below'>;
}

/** A class that was judged by itself. */
export interface MovedClass {
  readonly index: number;
  readonly rows: number;
  /** Severity, in pooled standard deviations of the binned features. */
  readonly severity: number;
  /** Its mean under the null. */
  readonly expected: number;
  /** Deviations above that mean. */
  readonly z: number;
}

/** What moved. */
export interface WithinClasses {
  /** Flows of classes that both sides have. */
  readonly rows: number;
  readonly severity: Measured;
  /** Jensen-Shannon distance of the feature that is compared by itself. */
  readonly alone: Measured;
  /** By z, greatest first. */
  readonly classes: readonly MovedClass[];
  /** The greatest z of each draw, [draws]. */
  readonly greatestZ: Float64Array;
  /** [D] distance of each feature over all classes; 0 for those not looked at. */
  readonly features: Float64Array;
}

/** Compares both sides and draws the null; time grows with draws x N x features looked at. */
export function compareWithinClasses(request: WithinClassesRequest): WithinClasses {
  const { bins, weights, alone, draws, random } = request;
  const looked = bins.flatMap((_, d) => ((weights[d] ?? 0) > 0 || d === alone ? [d] : []));
  const layout = layOut(bins, looked);
  const strata = strataOf(request, layout);
  const total = {
    reference: new Float64Array(layout.length),
    current: new Float64Array(layout.length),
  };
  const severities = strata.map(() => new Float64Array(draws + 1));
  const severity = new Float64Array(draws + 1);
  const aloneDistance = new Float64Array(draws + 1);
  const features = new Float64Array(bins.length);
  const referenceCounts = new Float64Array(layout.length);
  const currentCounts = new Float64Array(layout.length);

  // turn 0 is what was seen
  for (let turn = 0; turn <= draws; turn++) {
    total.reference.fill(0);
    total.current.fill(0);
    strata.forEach((stratum, s) => {
      if (turn === 0) see(stratum, currentCounts);
      else draw(stratum, currentCounts, random);
      const as = stratum.currentRows / (stratum.rows - stratum.currentRows);
      for (let k = 0; k < layout.length; k++) {
        const rest = stratum.counts[k]! - currentCounts[k]!; // both as long as the layout
        referenceCounts[k] = rest;
        total.reference[k]! += as * rest;
        total.current[k]! += currentCounts[k]!;
      }
      if (stratum.isJudged)
        severities[s]![turn] = severityOf(layout, weights, currentCounts, referenceCounts);
    });
    severity[turn] = severityOf(layout, weights, total.current, total.reference);
    aloneDistance[turn] = distanceAlone(layout, alone, total.current, total.reference);
    if (turn === 0)
      for (const { feature, offset, size } of layout.parts)
        features[feature] = scaledWassersteinOfCounts(total.current, total.reference, offset, size);
  }
  return {
    rows: strata.reduce((sum, stratum) => sum + stratum.currentRows, 0),
    severity: permuted(severity),
    alone: permuted(aloneDistance),
    ...classesOf(strata, severities, draws),
    features,
  };
}

/** Counts of the features looked at, one after the other. */
interface Layout {
  readonly length: number;
  readonly parts: readonly {
    readonly feature: number;
    readonly offset: number;
    readonly size: number;
  }[];
}

/** Flows of one class that both sides have. */
interface Stratum {
  readonly index: number;
  readonly rows: number;
  readonly currentRows: number;
  readonly isJudged: boolean;
  /** [rows, features looked at] position in the layout; flows of a block are neighbours, those of the current side last. */
  readonly cells: Uint16Array;
  readonly width: number;
  /** First row of each block, and the number of rows behind them. */
  readonly starts: readonly number[];
  /** [layout.length] of both sides. */
  readonly counts: Float64Array;
  /** Numbers of the blocks, in the order of the last draw. */
  readonly order: Int32Array;
}

function layOut(bins: readonly number[], looked: readonly number[]): Layout {
  let length = 0;
  const parts = looked.map((feature) => {
    const size = bins[feature] ?? 0;
    const offset = length;
    length += size;
    return { feature, offset, size };
  });
  return { length, parts };
}

function strataOf(request: WithinClassesRequest, layout: Layout): Stratum[] {
  const { reference, current, classCount, minClassRows } = request;
  const before = rowsByClass(reference, classCount);
  const now = rowsByClass(current, classCount);
  return before.flatMap((rows, index) => {
    const nows = now[index] ?? [];
    if (rows.length === 0 || nows.length === 0) return [];
    return [stratumOf(request, layout, { index, before: rows, now: nows, minClassRows })];
  });
}

function stratumOf(
  { reference, current, bins }: WithinClassesRequest,
  { length, parts }: Layout,
  of: { index: number; before: readonly number[]; now: readonly number[]; minClassRows: number },
): Stratum {
  const rows = of.before.length + of.now.length;
  const cells = new Uint16Array(rows * parts.length);
  const counts = new Float64Array(length);
  const starts: number[] = [];
  let at = 0;
  for (const [side, list] of [
    [reference, of.before],
    [current, of.now],
  ] as const) {
    const { binned, blocks } = side;
    let block: number | undefined;
    for (const row of list) {
      if (blocks[row] !== block) {
        block = blocks[row];
        starts.push(at);
      }
      for (const [p, { feature, offset }] of parts.entries()) {
        const cell = offset + (binned[row * bins.length + feature] ?? 0);
        cells[at * parts.length + p] = cell;
        counts[cell]! += 1; // offset + code < length
      }
      at++;
    }
  }
  const order = Int32Array.from(starts, (_, block) => block);
  starts.push(rows);
  return {
    ...{ index: of.index, rows, currentRows: of.now.length, cells, width: parts.length },
    ...{ starts, counts, order },
    isJudged: Math.min(of.before.length, of.now.length) >= of.minClassRows,
  };
}

/** Rows of each class, those of a block one after the other. */
function rowsByClass({ n, classes, blocks }: ClassedFlows, classCount: number): number[][] {
  const rows = Array.from({ length: classCount }, (): number[] => []);
  for (let i = 0; i < n; i++) rows[classes[i]!]?.push(i); // i < n; -1 has no list
  for (const own of rows) own.sort((a, b) => blocks[a]! - blocks[b]! || a - b); // rows of this side
  return rows;
}

/** Counts the current side as it was seen. */
function see(stratum: Stratum, counts: Float64Array): void {
  counts.fill(0);
  count(stratum, stratum.rows - stratum.currentRows, stratum.rows, counts);
}

/** Counts a current side of blocks drawn from both; the last block in part, so that the size is exact. */
function draw(
  stratum: Stratum,
  counts: Float64Array,
  random: WithinClassesRequest['random'],
): void {
  const { order, starts, currentRows } = stratum;
  counts.fill(0);
  let n = 0;
  for (let k = 0; k < order.length && n < currentRows; k++) {
    const other = k + random.below(order.length - k);
    const block = order[other]!; // k <= other < length
    order[other] = order[k]!;
    order[k] = block;
    const from = starts[block]!; // starts has one more than order
    const to = Math.min(starts[block + 1]!, from + currentRows - n);
    count(stratum, from, to, counts);
    n += to - from;
  }
}

function count({ cells, width }: Stratum, from: number, to: number, counts: Float64Array): void {
  for (let at = from * width; at < to * width; at++) counts[cells[at]!]! += 1; // cells lie in the layout
}

function severityOf(
  { parts }: Layout,
  weights: ArrayLike<number>,
  current: Float64Array,
  reference: Float64Array,
): number {
  let severity = 0;
  for (const { feature, offset, size } of parts) {
    const weight = weights[feature] ?? 0;
    if (weight > 0)
      severity += weight * scaledWassersteinOfCounts(current, reference, offset, size);
  }
  return severity;
}

function distanceAlone(
  { parts }: Layout,
  alone: number,
  current: Float64Array,
  reference: Float64Array,
): number {
  const part = parts.find(({ feature }) => feature === alone);
  if (part === undefined) return 0;
  const { offset, size } = part;
  return jensenShannonDistance(
    current.subarray(offset, offset + size),
    reference.subarray(offset, offset + size),
  );
}

/** The first is what was seen, the others are the null. */
function permuted(values: Float64Array): Measured {
  return { value: values[0] ?? 0, null: values.subarray(1) };
}

function classesOf(
  strata: readonly Stratum[],
  severities: readonly Float64Array[],
  draws: number,
): Pick<WithinClasses, 'classes' | 'greatestZ'> {
  const greatestZ = new Float64Array(draws).fill(-Infinity);
  const classes = strata.flatMap(({ index, rows, currentRows, isJudged }, s) => {
    const own = severities[s];
    if (!isJudged || own === undefined || rows === 0) return [];
    const { value, null: chance } = permuted(own);
    const expected = chance.reduce((sum, one) => sum + one, 0) / draws;
    const variance = chance.reduce((sum, one) => sum + (one - expected) ** 2, 0) / (draws - 1);
    const deviation = Math.sqrt(variance);
    const z = (one: number): number => (deviation > 0 ? (one - expected) / deviation : 0);
    for (let draw = 0; draw < draws; draw++)
      greatestZ[draw] = Math.max(greatestZ[draw]!, z(chance[draw]!)); // both [draws]
    return [{ index, rows: currentRows, severity: value, expected, z: z(value) }];
  });
  return { classes: classes.sort((a, b) => b.z - a.z), greatestZ };
}
