/** `retrain`: a challenger on recent weeks, compared with the champion on days that neither has seen. */
import type { Tasks } from '../contracts/schemas/tasks.js';
import { activities, dag } from '../dag/declare.js';
import { text } from '../dag/reference.js';
import { presetParam } from './params.js';
import { ENSEMBLE, trainEnsemble } from './train.js';

const act = activities<Tasks>();

/** The `retrain` DAG. */
export const retrain = dag(
  'retrain',
  {
    description: 'Trains a challenger with the newest week and compares it with the champion.',
    partitions: 'iso-week',
    reads: ['flow_features'],
    params: { preset: presetParam },
  },
  (d) => {
    const week = d.run.partition;
    const { preset } = d.params;
    const planned = d.task('plan_retrain', act.planRetrain, {
      input: { week, preset },
      summary: text`choose training days up to ${week}`,
    });
    const data = { split: planned.split, preset };
    const { ensemble } = trainEnsemble(d, data, { firstIsChampion: false });
    const compared = d.task('compare', act.compareModels, {
      input: {
        champion: ENSEMBLE,
        challenger: ensemble,
        partition: week,
        selection: planned.heldOut,
        features: planned.split.features,
      },
      summary: text`champion against challenger on held-out days of ${week}`,
    });
    return compared;
  },
);
