/** Tasks that wait for each other. */

interface Node {
  readonly id: string;
  readonly upstream: readonly string[];
}

/**
 * Cycles that share no edge, each as the ids along it with the first one repeated at the end; without
 * them no task waits for itself.
 */
export function findCycles(tasks: readonly Node[]): string[][] {
  const upstream = new Map(tasks.map(({ id, upstream: others }) => [id, new Set(others)]));
  const cycles: string[][] = [];
  for (;;) {
    keepCycles(upstream);
    const [start] = upstream.keys();
    if (start === undefined) return cycles;
    const path = [start];
    for (;;) {
      const [next] = upstream.get(path.at(-1)!)!; // all that is left waits for something that is left
      const again = path.indexOf(next!);
      path.push(next!);
      if (again < 0) continue;
      const cycle = path.slice(again).reverse();
      cycles.push(cycle);
      cycle.slice(1).forEach((id, index) => upstream.get(id)?.delete(cycle[index]!)); // one before it
      break;
    }
  }
}

/** Drops the tasks that wait for nothing that is left, again and again. */
function keepCycles(upstream: Map<string, Set<string>>): void {
  const downstream = new Map<string, string[]>();
  for (const [id, others] of upstream) {
    for (const other of others) {
      if (!upstream.has(other)) others.delete(other);
      else if (downstream.get(other)?.push(id) === undefined) downstream.set(other, [id]);
    }
  }
  const free = [...upstream].filter(([, others]) => others.size === 0).map(([id]) => id);
  for (let id = free.pop(); id !== undefined; id = free.pop()) {
    upstream.delete(id);
    for (const next of downstream.get(id) ?? []) {
      const others = upstream.get(next);
      if (others?.delete(id) === true && others.size === 0) free.push(next);
    }
  }
}
