// expect: Property 'rows' is missing in type 'Ref<File> & { readonly name: Ref<string>; readonly bytes: Ref<number>; }' but required in type '{ readonly rows: number | Ref<number>; }'.
import { dag } from '../../../dag/declare.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  const found = d.task('list', act.list, { input: { path: '' } });
  return d.task('sum', act.sum, { input: { parts: [found.newest] } });
});
