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
  return shareShift({ before, now, category, count: classCount }, chance);
}

/** Domains that are counted by name; all others are one. */
const TOP_DOMAINS = 500;
/** Rarer domains of the reference are among the others, so that "never seen" has a share in both windows. */
const MIN_DOMAIN_ROWS = 5;

/**
 * KL divergence of the shares of the names now from those before, in nats; earlier flows count as if the classes had
 * had the shares they have now, so that a change of the mix alone moves no name.
 */
export function nameShift(
  before: NamedFlows,
  now: NamedFlows,
  classCount: number,
  chance: Chance,
): Measured {
  const frequent = mostFrequent(countNames(before.domains), TOP_DOMAINS, MIN_DOMAIN_ROWS);
  const index = new Map(frequent.map((name, k) => [name, k]));
  const category = ({ domains }: NamedFlows) =>
    Int32Array.from(domains, (name) => index.get(name) ?? index.size);
  const weights = mixWeights(before, now, classCount);
  return shareShift({ before, now, category, count: index.size + 1, weights }, chance);
}

/** [N] what each earlier flow counts: the share of its class now over that before. */
function mixWeights(before: NamedFlows, now: NamedFlows, classCount: number): Float64Array {
  const placeOf = (k: number): number => (k < 0 ? classCount : k); // what has no class is one
  const sharesOf = ({ classes, n }: NamedFlows): Float64Array => {
    const shares = new Float64Array(classCount + 1);
    for (const k of classes) shares[placeOf(k)]! += 1 / n; // one place more than classes
    return shares;
  };
  const [p, q] = [sharesOf(before), sharesOf(now)];
  return Float64Array.from(before.classes, (k) => q[placeOf(k)]! / p[placeOf(k)]!); // of a class that is there
}

function shareShift(
  of: {
    readonly before: NamedFlows;
    readonly now: NamedFlows;
    /** [N] -1 is left out */
    readonly category: (flows: NamedFlows) => Int32Array;
    readonly count: number;
    /** [N] of the earlier flows. @default 1 each */
    readonly weights?: Float64Array;
  },
  { draws, random }: Chance,
): Measured {
  const sumsOf = (flows: NamedFlows, weights?: Float64Array) => {
    const category = of.category(flows);
    return sumBlocks(flows.blocks, of.count, (sums, base, i) => {
      const k = category[i]!; // i < N
      if (k >= 0) sums[base + k]! += weights?.[i] ?? 1; // k < count
    });
  };
  const blocks = sumsOf(of.before, of.weights);
  const sizes = { current: of.now.n, reference: of.before.n };
  return {
    value: klDivergence(totalOf(sumsOf(of.now)), totalOf(blocks)),
    null: drawNull(blocks, sizes, draws, random, (current, reference) =>
      klDivergence(current, reference),
    ),
  };
}
