/** `retrain`: a challenger on recent flows, compared with the champion on newer ones that neither has seen. */
import type { Tasks } from '../contracts/schemas/tasks.js';
import { activities, dag } from '../dag/declare.js';
import { text } from '../dag/reference.js';
import { presetParam, retrainingParam } from './params.js';
import { ENSEMBLE, trainEnsemble } from './train.js';

const act = activities<Tasks>();

/** The `retrain` DAG. */
export const retrain = dag(
  'retrain',
  {
    description: 'Trains a challenger on the newest flows and compares it with the champion.',
    partitions: 'iso-week',
    reads: ['flow_features'],
    params: { preset: presetParam, retraining: retrainingParam },
  },
  (d) => {
    const week = d.run.partition;
    const { preset, retraining } = d.params;
    const planned = d.task('plan_retrain', act.planRetrain, {
      input: { model: ENSEMBLE, week, preset, retraining },
      summary: text`choose training flows up to ${week}`,
    });
    const data = { split: planned.split, preset };
    const { ensemble } = trainEnsemble(d, data, { firstIsChampion: false });
    const compared = d.task('compare', act.compareModels, {
      input: {
        champion: ENSEMBLE,
        challenger: ensemble,
        partition: week,
        selection: planned.split.selections.test,
        features: planned.split.features,
      },
      summary: text`champion against challenger on held-out flows up to ${week}`,
    });
    return compared;
  },
);
