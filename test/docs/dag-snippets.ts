/** What the snippets of docs/dag.md may use without declaring it. */
import { activities, dag, type DagBuilder } from '../../dag/declare.js';

/** A file as `list` finds it. */
export interface File {
  name: string;
  bytes: number;
}

type Tasks = {
  list: { input: { path: string }; output: { files: File[]; newest: File | null } };
  parse: { input: { file: File }; output: { rows: number } };
  sum: { input: { parts: { rows: number }[] }; output: { total: number } };
  judge: {
    input: { rows: number };
    output: { word: 'good' | 'bad'; good: boolean; reasons: ('late' | 'empty')[] };
  };
  train: { input: { model: string; week: string }; output: { version: string } };
  boot: { input: { size: number }; output: { cluster: string } };
  halt: { input: { cluster: string }; output: { hours: number } };
};

export const act = activities<Tasks>();

export const inner = dag('inner', { partitions: 'iso-week', params: { depth: 3 } }, (d) =>
  d.task('judge', act.judge, { input: { rows: d.params.depth } }),
);

export declare const d: DagBuilder<{ path: string; models: string[]; weeks: string[] }>;
