/**
 * Does `work` on each item, a few at a time, and returns the results in the order of the items.
 *
 * @param lanes how many at a time. @default 8: file calls wait in a pool of four threads, more in flight only cost memory
 */
export async function inParallel<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  lanes = 8,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const lane = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
  return results;
}
