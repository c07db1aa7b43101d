/** `monitor`: a new week is scored by the champion, compared with its training weeks, and reported to the lifecycle. */
import type { Tasks } from '../contracts/schemas/tasks.js';
import { activities, dag } from '../dag/declare.js';
import { text } from '../dag/reference.js';
import { presetParam } from './params.js';
import { ENSEMBLE } from './train.js';

const act = activities<Tasks>();

/** The `monitor` DAG. */
export const monitor = dag(
  'monitor',
  {
    description:
      'Scores a week with the champion, measures drift, wakes the lifecycle when it drifted.',
    partitions: 'iso-week',
    reads: ['flow_features'],
    params: { preset: presetParam },
  },
  (d) => {
    const week = d.run.partition;
    const { preset } = d.params;
    const scored = d.task('score_week', act.scoreWeek, {
      input: { week, model: ENSEMBLE },
      summary: text`score the flows of ${week}`,
    });
    const drift = d.task('measure_drift', act.measureDrift, {
      input: { week, model: ENSEMBLE, preset },
      summary: text`compare ${week} with the champion's training weeks`,
    });
    const woken = d.task('wake_lifecycle', act.wakeLifecycle, {
      input: {
        model: ENSEMBLE,
        week,
        reportHash: drift.reportHash,
        rows: drift.rows,
        scores: drift.scores,
        preset,
      },
      // the champion's predictions stand before a retraining can replace it
      after: [scored],
      when: drift.drifted,
      summary: text`report the drift of ${week}`,
    });
    const decision = d.task('await_decision', act.awaitDecision, {
      input: { workflowId: woken.workflowId, reportHash: drift.reportHash },
      summary: 'wait for the decision of the lifecycle',
    });
    return { week, scores: drift.scores, decision };
  },
);
