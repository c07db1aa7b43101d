// expect: Argument of type 'Ref<number>' is not assignable to parameter of type 'Ref<string> | Ref<readonly string[]>'.
// expect:   Type 'Ref<number>' is not assignable to type 'Ref<string>'.
// expect:     Type 'number' is not assignable to type 'string'.
import { dag } from '../../../dag/declare.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  const judged = d.task('judge', act.judge, { input: { rows: 1 } });
  return d.branch('choose', judged.score, ['good', 'bad']);
});
