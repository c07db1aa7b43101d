// expect: Property 'lst' does not exist on type 'Activities<Tasks>'. Did you mean 'list'?
import { dag } from '../../../dag/declare.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  return d.task('list', act.lst, { input: { path: '' } });
});
