/** The order in which a plan lists its tasks. */

/** Upstream before downstream; among equals, the order of declaration. Cycles are cut anywhere. */
export function inOrder<T extends { readonly id: string; readonly upstream: readonly string[] }>(
  tasks: readonly T[],
): T[] {
  const byId = new Map(tasks.map((task, index) => [task.id, { task, index }]));
  const placed = new Set<string>();
  const opened = new Set<string>();
  const ordered: T[] = [];
  for (const first of tasks) {
    const open = [first];
    for (let task = open.at(-1); task !== undefined; task = open.at(-1)) {
      if (placed.has(task.id)) {
        open.pop();
      } else if (opened.has(task.id)) {
        open.pop();
        placed.add(task.id);
        ordered.push(task);
      } else {
        opened.add(task.id);
        const before = task.upstream.map((id) => byId.get(id)).filter((one) => one !== undefined);
        // the stack gives back the last one first
        for (const one of before.sort((a, b) => b.index - a.index)) {
          if (!opened.has(one.task.id)) open.push(one.task);
        }
      }
    }
  }
  return ordered;
}
