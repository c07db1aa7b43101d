/** `monitor` and `monitor_day`: a new week or day is answered, judged, and reported to the lifecycle. */
import type { Tasks } from '../contracts/schemas/tasks.js';
import { activities, dag, type DagBuilder } from '../dag/declare.js';
import { text, type Bindable } from '../dag/reference.js';
import { presetParam } from './params.js';
import { ENSEMBLE } from './train.js';

const act = activities<Tasks>();

function watchWindow(
  d: DagBuilder<object>,
  window: Bindable<string>,
  preset: Bindable<Tasks['judgeWindow']['input']['preset']>,
) {
  const judged = d.task('judge_window', act.judgeWindow, {
    input: { window, model: ENSEMBLE, preset },
    summary: text`answer and judge the flows of ${window}`,
  });
  d.task('tell_people', act.tellOfDrift, {
    input: { model: ENSEMBLE, report: judged.report },
    when: judged.drifted,
    summary: text`tell people what drifted in ${window}`,
  });
  // calm windows too: they clear alarms, and are what a challenger in shadow is compared on
  const woken = d.task('wake_lifecycle', act.wakeLifecycle, {
    input: { model: ENSEMBLE, report: judged.report, preset },
    summary: text`report ${window}`,
  });
  const decision = d.task('await_decision', act.awaitDecision, {
    input: { workflowId: woken.workflowId, reportHash: judged.report.reportHash },
    summary: 'wait for the decision of the lifecycle',
  });
  return { scores: judged.scores, decision };
}

/** The `monitor` DAG. */
export const monitor = dag(
  'monitor',
  {
    description: 'Answers a week with the served versions, judges drift, wakes the lifecycle.',
    partitions: 'iso-week',
    reads: ['flow_features'],
    params: { preset: presetParam },
  },
  (d) => ({
    week: d.run.partition,
    ...watchWindow(d, d.run.partition, d.params.preset),
  }),
);

/** The `monitor_day` DAG. */
export const monitorDay = dag(
  'monitor_day',
  {
    description: 'Answers a UTC day with the served versions, judges drift, wakes the lifecycle.',
    partitions: 'day',
    reads: ['flow_features'],
    params: { preset: presetParam },
  },
  (d) => ({
    day: d.run.partition,
    ...watchWindow(d, d.run.partition, d.params.preset),
  }),
);
