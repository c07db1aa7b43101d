/** `daily`: new files in, and each day that has ended watched. */
import type { Tasks } from '../contracts/schemas/tasks.js';
import { activities, dag } from '../dag/declare.js';
import { text } from '../dag/reference.js';
import { ingestFlows } from './ingest.js';
import { monitorDay } from './monitor.js';
import { arrivalParams } from './params.js';

const act = activities<Tasks>();

/** The `daily` DAG. */
export const daily = dag(
  'daily',
  {
    description: 'Ingests new flow files, watches each day that has ended.',
    partitions: 'day',
    schedule: { cron: '0 5 * * *', timeZone: 'Europe/Prague' },
    params: arrivalParams,
  },
  (d) => {
    const { input, preset, mapping, maxRejected } = d.params;
    const { derived } = ingestFlows(d, { inputs: [input], mapping, maxRejected });
    const planned = d.task('plan_days', act.planDays, {
      input: { preset },
      after: derived,
      triggerRule: 'none_failed',
      summary: 'choose days to watch',
    });
    d.map('monitor', monitorDay, {
      over: planned.days,
      input: (day) => ({ partition: day, params: { preset } }),
      summary: (day) => text`watch ${day}`,
      width: 1, // a retraining on one day changes the champion that answers the next
    });
    return { days: planned.days };
  },
);
