/** Flows that a classifier can learn, made from one template per class; seeded. */
import { seededRandom } from '../../contracts/seeded-random.js';
import { gaussian } from '../../models/random.js';
import { PPI_WIDTH, type LabelledFlows } from '../../models/model.js';

/** What a test says about its flows; the rest is fixed. */
export interface SyntheticOptions {
  readonly n: number;
  readonly classes: number;
  readonly features?: number;
  /** Draws the flows; the templates depend on `classes` alone, so two seeds give two weeks. */
  readonly seed?: number;
  /** Standard deviation of a packet's size, bytes. */
  readonly noiseBytes?: number;
}

/** Flows of `classes` apps, the first ones more frequent; NaN in one of 50 tabular values. */
export function syntheticFlows(options: SyntheticOptions): LabelledFlows {
  const { n, classes, features = 12, seed = 1, noiseBytes = 60 } = options;
  const templates = templatesOf(classes, features);
  const random = seededRandom(seed);
  const ppi = new Float32Array(n * PPI_WIDTH);
  const tabular = new Float32Array(n * features);
  const lengths = new Uint8Array(n);
  const labels = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    const label = Math.floor(classes * random.uniform() ** 1.5);
    const template = templates[label];
    if (template === undefined) continue;
    labels[i] = label;
    const length = Math.min(30, Math.max(1, Math.round(template.length + 4 * gaussian(random))));
    lengths[i] = length;
    for (let t = 0; t < length; t++) {
      const size = (template.sizes[t] ?? 0) + noiseBytes * gaussian(random);
      const flip = random.uniform() < 0.05 ? -1 : 1;
      ppi[i * PPI_WIDTH + t * 3] = Math.min(1500, Math.max(1, Math.round(size)));
      ppi[i * PPI_WIDTH + t * 3 + 1] = flip * (template.directions[t] ?? 1);
      ppi[i * PPI_WIDTH + t * 3 + 2] =
        t === 0 ? 0 : Math.round(Math.exp((template.logIpt[t] ?? 0) + gaussian(random)));
    }
    for (let f = 0; f < features; f++) {
      const value = Math.exp((template.tabular[f] ?? 0) + 0.5 * gaussian(random));
      tabular[i * features + f] = random.uniform() < 0.02 ? NaN : value;
    }
  }
  const featureNames = Array.from({ length: features }, (_, f) => `feature_${f}`);
  return { flows: { n, tabular, featureNames, ppi, lengths }, labels };
}

/** [K] names `app-00`, `app-01`, ... */
export function syntheticClasses(count: number): string[] {
  return Array.from({ length: count }, (_, k) => `app-${String(k).padStart(2, '0')}`);
}

function templatesOf(classes: number, features: number) {
  const random = seededRandom(7_919);
  return Array.from({ length: classes }, () => ({
    length: 6 + 22 * random.uniform(),
    sizes: Array.from({ length: 30 }, () =>
      random.uniform() < 0.4 ? 1448 : 60 + 1200 * random.uniform(),
    ),
    directions: Array.from({ length: 30 }, (_, t) => (t === 0 || random.uniform() < 0.4 ? 1 : -1)),
    logIpt: Array.from({ length: 30 }, () => 4 * random.uniform()),
    tabular: Array.from({ length: features }, () => 4 * random.uniform()),
  }));
}
