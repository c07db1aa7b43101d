// expect: Type '"ugly"' is not assignable to type '"good" | "bad"'.
import { dag } from '../../../dag/declare.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  const judged = d.task('judge', act.judge, { input: { rows: 1 } });
  return d.branch('choose', judged.word, ['good', 'ugly']);
});
