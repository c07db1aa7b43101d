// expect: Type 'Ref<File[]>' is missing the following properties from type '{ readonly name: string | Ref<string>; readonly bytes: number | Ref<number>; }': name, bytes
import { dag } from '../../../dag/declare.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  const found = d.task('list', act.list, { input: { path: '' } });
  return d.task('parse', act.parse, { input: { file: found.files } });
});
