/** How the shares of classes and of names moved. Days of the week differ in them, so whole weeks are compared. */
import { drawNull, sumBlocks, totalOf, type Chance, type Measured } from './block-bootstrap.js';
import { klDivergence } from './distances.js';
import { countNames, mostFrequent } from './named-counts.js';

/** N flows of a window. */
interface NamedFlows {
  readonly n: number;
  /** [N] hour of each flow, any ids */
  readonly blocks: Int32Array;
  /** [N] class of each flow, 0..K-1; -1 where it is not known */
  readonly classes: Int32Array;
  /** [N] registrable domain */
  readonly domains: readonly string[];
}

/** KL divergence of the shares of the K classes now from those before, in nats. */
export function classShift(
  before: NamedFlows,
  now: NamedFlows,
  classCount: number,
  chance: Chance,
): Measured {
  const category = ({ classes }: NamedFlows) => classes;
  return shift(before, now, { count: classCount, category, divergence: klDivergence }, chance);
}

/** Names of a class that are counted by themselves; all others of the class are one. */
const TOP_NAMES = 500;
/** Rarer names of the reference are among the others, so that "never seen" has a share in both windows. */
const MIN_NAME_ROWS = 5;

/**
 * KL divergence of the names within the classes, in nats: that of each class, by the shares that the classes have now.
 * A change of their mix alone moves nothing; flows without a class are one more.
 */
export function nameShift(
  before: NamedFlows,
  now: NamedFlows,
  classCount: number,
  chance: Chance,
): Measured {
  const placeOf = (k: number | undefined): number => (k === undefined || k < 0 ? classCount : k);
  const keysOf = ({ domains, classes }: NamedFlows): string[] =>
    domains.map((name, i) => `${placeOf(classes[i])} ${name}`);
  const frequent = mostFrequent(countNames(keysOf(before)), TOP_NAMES, MIN_NAME_ROWS);
  const others = classCount + 1; // one category for each class, then the frequent names
  const index = new Map(frequent.map((key, k) => [key, others + k]));
  const members = Array.from({ length: others }, (_, k) => [k]);
  for (const [key, k] of index) members[Number.parseInt(key)]?.push(k); // a key begins with its class
  const category = (flows: NamedFlows) =>
    Int32Array.from(keysOf(flows), (key, i) => index.get(key) ?? placeOf(flows.classes[i]));
  const divergence = (current: Float64Array, reference: Float64Array): number => {
    const total = current.reduce((sum, count) => sum + count, 0);
    return members.reduce((sum, own) => {
      const [q, p] = [current, reference].map((side) => own.map((k) => side[k]!)); // k < count
      const flows = q!.reduce((all, count) => all + count, 0); // two sides
      return flows === 0 ? sum : sum + (flows / total) * klDivergence(q!, p!); // two sides
    }, 0);
  };
  return shift(before, now, { count: others + index.size, category, divergence }, chance);
}

/** How flows are counted, and what is asked of the counts. */
interface Counting {
  readonly count: number;
  /** [N] 0 .. count - 1; -1 is left out */
  readonly category: (flows: NamedFlows) => Int32Array;
  /** Of counts now and before, [count] each. */
  readonly divergence: (current: Float64Array, reference: Float64Array) => number;
}

function shift(
  before: NamedFlows,
  now: NamedFlows,
  { count, category, divergence }: Counting,
  { draws, random }: Chance,
): Measured {
  const sumsOf = (flows: NamedFlows) => {
    const categories = category(flows);
    return sumBlocks(flows.blocks, count, (sums, base, i) => {
      const k = categories[i]!; // i < N
      if (k >= 0) sums[base + k]! += 1; // k < count
    });
  };
  const blocks = sumsOf(before);
  const sizes = { current: now.n, reference: before.n };
  return {
    value: divergence(totalOf(sumsOf(now)), totalOf(blocks)),
    null: drawNull(blocks, sizes, draws, random, divergence),
  };
}
