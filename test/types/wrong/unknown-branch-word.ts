// expect: Argument of type '"ugly"' is not assignable to parameter of type '"good" | "bad"'.
import { dag } from '../../../dag/declare.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  const choice = d.branch('choose', d.task('judge', act.judge, { input: { rows: 1 } }).word, [
    'good',
    'bad',
  ]);
  return d.task('list', act.list, { input: { path: '' }, after: [choice.case('ugly')] });
});
