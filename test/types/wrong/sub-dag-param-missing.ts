// expect: Property 'depth' is missing in type '{}' but required in type '{ readonly depth: number | Ref<number>; }'.
import { dag } from '../../../dag/declare.js';
import { inner } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  return d.task('inner', inner, { input: { partition: d.run.partition, params: {} } });
});
