// expect: Type 'string' is not assignable to type 'number | Ref<number>'.
import { dag } from '../../../dag/declare.js';
import { inner } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  return d.task('inner', inner, {
    input: { partition: d.run.partition, params: { depth: 'deep' } },
  });
});
