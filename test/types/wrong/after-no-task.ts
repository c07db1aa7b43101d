// expect: Type 'string' is not assignable to type 'Upstream'.
import { dag } from '../../../dag/declare.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  return d.task('list', act.list, { input: { path: '' }, after: ['other'] });
});
