// expect: Property 'path' is missing in type '{}' but required in type '{ readonly path: string | Ref<string>; }'.
import { dag } from '../../../dag/declare.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  return d.task('list', act.list, { input: {} });
});
