import { seededRandom } from '../../dist/contracts/seeded-random.js';
import { shuffledIndices } from '../../dist/models/random.js';

/** Least apps of each kind. */
const WANTED = 18;

/**
 * Apps that are left out of training, by a seeded draw: whole categories until no known app's provider serves 18 of
 * their apps (far), then single apps until 18 have a provider with known apps (near).
 *
 * @param {{ app: readonly string[], category: readonly string[] }} flows of a week with all apps
 * @returns {{ near: string[], far: string[], categories: string[] }}
 */
export function drawUnknownApps({ app, category }, seed) {
  const categoryOf = new Map(app.map((name, i) => [name, category[i]]));
  const apps = [...categoryOf.keys()].sort();
  const drawn = (values, label) =>
    Array.from(shuffledIndices(values.length, seededRandom(seed, label)), (i) => values[i]);
  const left = new Set();
  const kinds = () => {
    const known = new Set(apps.filter((name) => !left.has(name)).map(providerOf));
    return {
      near: [...left].filter((name) => known.has(providerOf(name))),
      far: [...left].filter((name) => !known.has(providerOf(name))),
    };
  };
  const categories = [];
  for (const held of drawn([...new Set(categoryOf.values())].sort(), 'unknown categories')) {
    if (kinds().far.length >= WANTED) break;
    categories.push(held);
    for (const name of apps) if (categoryOf.get(name) === held) left.add(name);
  }
  const alone = (name) => apps.filter((other) => providerOf(other) === providerOf(name)).length < 2;
  for (const name of drawn(apps, 'unknown apps')) {
    if (kinds().near.length >= WANTED) break;
    if (!alone(name)) left.add(name);
  }
  return { ...kinds(), categories };
}

/** Generated apps are named for their provider. */
function providerOf(name) {
  return name.split('-')[0];
}
