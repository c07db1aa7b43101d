/** The plans that the engine's bench runs: tasks that do nothing. */
import { activityCatalogue } from '../../activities/catalogue.js';
import type { Tasks } from '../../contracts/schemas/tasks.js';
import { compile } from '../../dag/compile.js';
import { activities, dag } from '../../dag/declare.js';
import type { Plan } from '../../dag/plan.js';

const act = activities<Tasks>();

/** `tasks` no-op tasks, each after the one before. */
export function chainPlan(tasks: number): Plan {
  return compiled(
    dag(`chain-${tasks}`, { params: {} }, (d) => {
      let last = d.task('t0', act.noop, { input: { value: 0 } });
      for (let index = 1; index < tasks; index += 1) {
        last = d.task(`t${index}`, act.noop, { input: { value: last.value } });
      }
      return last;
    }),
  );
}

/** One no-op task mapped over `tasks` elements, all at a time, and one after all of them. */
export function fanPlan(tasks: number): Plan {
  const params = { values: Array.from({ length: tasks }, (_, value) => value) };
  return compiled(
    dag(`fan-${tasks}`, { params }, (d) => {
      const fan = d.map('t', act.noop, {
        over: d.params.values,
        input: (value) => ({ value }),
        width: tasks,
      });
      return d.task('join', act.noop, { input: { value: tasks }, after: [fan] });
    }),
  );
}

function compiled(declared: Parameters<typeof compile>[0]): Plan {
  return compile(declared, {
    catalogue: activityCatalogue(),
    codeVersion: 'bench',
    workflowTypes: [],
  });
}
