/** `weekly`: the operator's Monday. New files in, champions trained if there are none, new weeks watched. */
import type { Tasks } from '../contracts/schemas/tasks.js';
import { activities, dag } from '../dag/declare.js';
import { present, text } from '../dag/reference.js';
import { ingestFlows } from './ingest.js';
import { monitor } from './monitor.js';
import { arrivalParams } from './params.js';
import { train } from './train.js';

const act = activities<Tasks>();

/** The `weekly` DAG. */
export const weekly = dag(
  'weekly',
  {
    description: 'Ingests new flow files, trains the first champions, watches each new week.',
    partitions: 'iso-week',
    schedule: { cron: '0 4 * * 1', timeZone: 'Europe/Prague' },
    params: arrivalParams,
  },
  (d) => {
    const { input, preset, mapping, maxRejected } = d.params;
    const { sources, parsed, derived } = ingestFlows(d, { inputs: [input], mapping, maxRejected });
    const planned = d.task('plan_split', act.planSplit, {
      input: { preset },
      after: derived,
      triggerRule: 'none_failed',
      summary: 'choose training, validation, test and watched weeks',
    });
    const trained = d.task('train', train, {
      input: {
        partition: d.run.partition,
        params: { split: present(planned.split), preset, parts: planned.parts },
      },
      when: planned.trainingNeeded,
      summary: 'train the first champions',
    });
    const watched = d.map('monitor', monitor, {
      over: planned.watch,
      input: (week) => ({ partition: week, params: { preset } }),
      after: [trained],
      triggerRule: 'none_failed',
      summary: (week) => text`watch ${week}`,
      width: 1, // a retraining in one week changes the champion that scores the next
    });
    const compacted = d.task('compact', act.compactWeeks, {
      input: {},
      // late, so that neither ingest nor training nor watching waits; before the report, which names the last versions
      after: [watched],
      triggerRule: 'all_done',
      summary: 'make the small files of closed weeks one',
    });
    return d.task('report', act.writeReport, {
      input: {
        dagRunId: d.run.dagRunId,
        preset,
        sources,
        parsed,
        split: planned.split,
        faults: planned.faults,
      },
      after: [watched, compacted],
      triggerRule: 'none_failed',
      summary: 'write the report',
    });
  },
);
