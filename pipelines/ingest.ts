/** `ingest`: raw files into `flows`, and the tables computed from them brought up to date. */
import type { Tasks } from '../contracts/schemas/tasks.js';
import { activities, dag, type DagBuilder } from '../dag/declare.js';
import { param } from '../dag/param.js';
import { text, type Bindable } from '../dag/reference.js';
import { mappingParam, maxRejectedParam } from './params.js';

const act = activities<Tasks>();

/** The tasks of an ingest: parse (Job A), sums (Job B), features (Job C). `derived` ends last. */
export function ingestFlows(
  d: DagBuilder<object>,
  {
    inputs,
    mapping,
    maxRejected,
  }: {
    inputs: Bindable<string[]>;
    mapping: Bindable<string>;
    maxRejected: Bindable<string>;
  },
) {
  const sources = d.task('list_sources', act.listSources, {
    input: { inputs, mapping },
    summary: 'look for flow files',
  });
  const parsed = d.map('parse', act.parseFlows, {
    over: sources.files,
    input: (file) => ({ file, mapping: sources.mapping, maxRejected }),
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
  return { sources, parsed, derived: [aggregated, features] };
}

/** The `ingest` DAG. */
export const ingest = dag(
  'ingest',
  {
    description: 'Ingests flow files and brings the tables computed from them up to date.',
    params: {
      inputs: param([] as string[], {
        description: 'Flow files, and folders of them',
        items: { type: 'string' },
      }),
      mapping: mappingParam,
      maxRejected: maxRejectedParam,
    },
  },
  (d) => {
    const { sources, parsed } = ingestFlows(d, d.params);
    return { sources, parsed };
  },
);
