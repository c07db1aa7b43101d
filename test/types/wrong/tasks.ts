/** Tasks and a DAG for the files beside this one, each of which uses them in one wrong way. */
import { activities, dag } from '../../../dag/declare.js';

interface File {
  name: string;
  bytes: number;
}

type Tasks = {
  list: { input: { path: string }; output: { files: File[]; newest: File } };
  parse: { input: { file: File }; output: { rows: number } };
  sum: { input: { parts: { rows: number }[] }; output: { total: number } };
  judge: {
    input: { rows: number };
    output: { word: 'good' | 'bad'; score: number; worst: File | null };
  };
};

export const act = activities<Tasks>();

export const inner = dag('inner', { params: { depth: 3 } }, (d) =>
  d.task('judge', act.judge, { input: { rows: d.params.depth } }),
);
