// expect: Type '[]' is not assignable to type 'readonly [Ref<unknown>, ...Ref<unknown>[]]'.
// expect:   Source has 0 element(s) but target requires 1.
import { dag } from '../../../dag/declare.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  return d.teardown('drop', act.list, { input: { path: '' }, setups: [] });
});
