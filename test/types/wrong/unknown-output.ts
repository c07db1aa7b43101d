// expect: Property 'rows' does not exist on type 'Ref<{ files: File[]; newest: File; }>'.
import { dag } from '../../../dag/declare.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  const found = d.task('list', act.list, { input: { path: '' } });
  return d.task('sum', act.sum, { input: { parts: found.rows } });
});
