// expect: Property 'path' does not exist on type 'Ref<File>'.
import { dag } from '../../../dag/declare.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  const found = d.task('list', act.list, { input: { path: '' } });
  return d.map('list_all', act.list, { over: found.files, input: (file) => ({ path: file.path }) });
});
