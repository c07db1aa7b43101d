// expect: Property 'missing' does not exist on type '{ readonly path: Ref<string>; readonly depth: Ref<number>; }'.
import { dag } from '../../../dag/declare.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  return d.task('list', act.list, { input: { path: d.params.missing } });
});
