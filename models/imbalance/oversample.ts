/**
 * More training flows of rare classes, made from those that are there. For training rows alone: a made row
 * in validation would be a copy of what was learnt. N flows, F tabular columns, K classes.
 */
import { PPI_CHANNELS, PPI_WIDTH, selectFlows, type LabelledFlows } from '../model.js';
import { gaussian } from '../random.js';
import type { SeededRandom } from '../../contracts/seeded-random.js';
import { interpolateRows, nearestRows } from './smote.js';

/** How flows are made. */
export interface OversampleRequest {
  readonly train: LabelledFlows;
  readonly classCount: number;
  /** Classes with fewer flows are filled up to this; those with one flow, or none, stay. */
  readonly rowsPerClass: number;
  readonly random: SeededRandom;
}

/** Neighbours that SMOTE chooses from: the published 5. */
const NEIGHBOURS = 5;

/** Standard deviations of jitter: of the size of a packet, relative, and of the logarithm of a gap. Ours. */
const SIZE_JITTER = 0.02;
const GAP_JITTER = 0.2;

/** Bytes of the largest packet in the data set. */
const LARGEST_BYTES = 1460;

/**
 * SMOTE on the tabular columns, for models of flow statistics. Columns that hold 0 and 1 only, and the packets,
 * are those of the row that a new one starts from.
 *
 * @returns the flows given, then the new ones
 */
export function smoteFlows(request: OversampleRequest): LabelledFlows {
  const { train, random } = request;
  const F = train.flows.featureNames.length;
  const spreads = numericSpreads(train);
  const numeric = spreads.flatMap(([f]) => f);
  const pick = (row: number): number[] => numeric.map((f) => train.flows.tabular[row * F + f] ?? 0);
  return extend(request, (rows, needed) => {
    const { length: n } = rows;
    const columns = numeric.length;
    const values = Float64Array.from(rows.flatMap(pick));
    const scaled = values.map((value, at) => value / (spreads[at % columns]?.[1] ?? 1));
    const nearest = nearestRows({ n, values: scaled, columns }, NEIGHBOURS);
    const places = Int32Array.from({ length: needed }, () => random.below(nearest.length));
    const steps = Float64Array.from({ length: needed }, () => random.uniform());
    const made = interpolateRows({ n, values, columns }, nearest, { places, steps });
    const perRow = nearest.length / n;
    return {
      from: Array.from(places, (place) => rows[Math.floor(place / perRow)] ?? 0),
      change: ({ tabular }, i) => {
        numeric.forEach((f, at) => (tabular[i * F + f] = made[i * columns + at] ?? 0));
      },
    };
  });
}

/**
 * Copies with jittered packets, for networks: sizes by 2 %, gaps by a factor around 1; number, order and
 * direction of the packets stay, as do the tabular columns.
 *
 * @returns the flows given, then the new ones
 */
export function jitterFlows(request: OversampleRequest): LabelledFlows {
  const { random } = request;
  return extend(request, (rows, needed) => ({
    from: Array.from({ length: needed }, () => rows[random.below(rows.length)] ?? 0),
    change: ({ ppi, lengths }, i) => {
      for (let t = 0; t < (lengths[i] ?? 0); t++) {
        const size = i * PPI_WIDTH + t * PPI_CHANNELS;
        const bytes = Math.round((ppi[size] ?? 0) * (1 + SIZE_JITTER * gaussian(random)));
        ppi[size] = Math.min(LARGEST_BYTES, Math.max(1, bytes));
        ppi[size + 2] = Math.round((ppi[size + 2] ?? 0) * Math.exp(GAP_JITTER * gaussian(random)));
      }
    },
  }));
}

/** Rows to copy, and what is done to each copy in place. */
interface Copies {
  readonly from: readonly number[];
  readonly change: (flows: LabelledFlows['flows'], row: number) => void;
}

function extend(
  { train, classCount, rowsPerClass }: OversampleRequest,
  make: (rows: readonly number[], needed: number) => Copies,
): LabelledFlows {
  const byClass = Array.from({ length: classCount }, (): number[] => []);
  train.labels.forEach((label, row) => byClass[label]?.push(row));
  const all = Array.from(train.labels, (_, row) => row);
  const made: { readonly label: number; readonly copies: Copies }[] = [];
  byClass.forEach((rows, label) => {
    if (rows.length < 2 || rows.length >= rowsPerClass) return;
    made.push({ label, copies: make(rows, rowsPerClass - rows.length) });
  });
  const flows = selectFlows(train.flows, [...all, ...made.flatMap(({ copies }) => copies.from)]);
  let start = all.length;
  for (const { copies } of made) {
    const own = tail(flows, start);
    copies.from.forEach((_, i) => copies.change(own, i));
    start += copies.from.length;
  }
  const labels = made.flatMap(({ label, copies }) => copies.from.map(() => label));
  return { flows, labels: Int32Array.from([...train.labels, ...labels]) };
}

/** The flows from `start` on, as views: what is written there is written to the whole. */
function tail(flows: LabelledFlows['flows'], start: number): LabelledFlows['flows'] {
  const F = flows.featureNames.length;
  return {
    n: flows.n - start,
    featureNames: flows.featureNames,
    tabular: flows.tabular.subarray(start * F),
    ppi: flows.ppi.subarray(start * PPI_WIDTH),
    lengths: flows.lengths.subarray(start),
  };
}

/** Columns with other values than 0 and 1, and the standard deviation of each; a constant column has none. */
function numericSpreads({ flows }: LabelledFlows): [column: number, deviation: number][] {
  const F = flows.featureNames.length;
  return flows.featureNames.flatMap((_, f): [number, number][] => {
    let [sum, squares, binary] = [0, 0, true];
    for (let i = 0; i < flows.n; i++) {
      const x = flows.tabular[i * F + f] ?? 0;
      sum += x;
      squares += x * x;
      binary &&= x === 0 || x === 1;
    }
    const variance = squares / flows.n - (sum / flows.n) ** 2;
    return binary || !(variance > 0) ? [] : [[f, Math.sqrt(variance)]];
  });
}
