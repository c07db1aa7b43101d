// expect: Type 'Ref<File | null>' is missing the following properties from type '{ readonly name: string | Ref<string>; readonly bytes: number | Ref<number>; }': name, bytes
import { dag } from '../../../dag/declare.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  const judged = d.task('judge', act.judge, { input: { rows: 1 } });
  return d.task('parse', act.parse, { input: { file: judged.worst } });
});
