/** `weekly`: the operator's Monday. New files in, champions trained if there are none, new weeks watched. */
import type { Preset } from '../contracts/schemas/values.js';
import type { Tasks } from '../contracts/schemas/tasks.js';
import { activities, dag } from '../dag/declare.js';
import { text } from '../dag/reference.js';
import { monitor } from './monitor.js';
import { train } from './train.js';

const act = activities<Tasks>();

export const weekly = dag(
  'weekly',
  {
    description: 'Ingests new flow files, trains the first champions, watches each new week.',
    partitions: 'iso-week',
    schedule: { cron: '0 4 * * 1', timeZone: 'Europe/Prague' },
    params: {
      /** Folder of raw flow files. */
      input: '',
      preset: null as unknown as Preset, // from the preset file, by whoever runs it
    },
  },
  (d) => {
    const { input, preset } = d.params;
    const sources = d.task('list_sources', act.listSources, {
      input: { input },
      summary: text`look for flow files in ${input}`,
    });
    const parsed = d.map('parse', act.parseFlows, {
      over: sources.files,
      input: (file) => ({ file }),
      summary: (file) => text`parse ${file.name}`,
      width: 4,
    });
    const stale = d.task('find_stale_weeks', act.findStaleWeeks, {
      input: {},
      after: [parsed],
      triggerRule: 'none_failed', // nothing new to parse is no reason to stop
      summary: 'find weeks whose sums and features are not up to date',
    });
    const aggregated = d.map('aggregate', act.aggregateTraffic, {
      over: stale.batches,
      input: (batch) => batch,
      summary: (batch) => text`hourly and daily sums of ${batch.label}`,
      width: 2,
    });
    const features = d.map('build_features', act.buildFeatures, {
      over: stale.batches,
      input: (batch) => batch,
      summary: (batch) => text`features of ${batch.label}`,
      width: 2,
    });
    const planned = d.task('plan_split', act.planSplit, {
      input: { preset },
      after: [aggregated, features],
      triggerRule: 'none_failed',
      summary: 'choose training, validation, test and watched weeks',
    });
    const trained = d.task('train', train, {
      input: {
        partition: d.run.partition,
        params: { split: planned.split, preset, parts: planned.parts },
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
    return d.task('report', act.writeReport, {
      input: { dagRunId: d.run.dagRunId, preset, sources, parsed, split: planned.split },
      after: [watched],
      triggerRule: 'none_failed',
      summary: 'write the report',
    });
  },
);
