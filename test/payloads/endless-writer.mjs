/** `STORE_MODULE FOLDER`: puts one value after the other, several at a time, until it is killed. */
import { randomBytes } from 'node:crypto';

const [module, folder] = process.argv.slice(2);
const { localBlobStore } = await import(module);
const store = localBlobStore(folder);

for (let round = 0; ; round += 1) {
  const puts = Array.from({ length: 4 }, () => store.put(randomBytes(1_000_000)));
  await Promise.race(puts);
  process.send(round); // one is stored, others are half written
  await Promise.all(puts);
}
