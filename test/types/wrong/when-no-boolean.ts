// expect: Type 'Ref<number>' is not assignable to type 'Ref<boolean>'.
// expect:   Type 'number' is not assignable to type 'boolean'.
import { dag } from '../../../dag/declare.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  const judged = d.task('judge', act.judge, { input: { rows: 1 } });
  return d.task('list', act.list, { input: { path: '' }, when: judged.score });
});
