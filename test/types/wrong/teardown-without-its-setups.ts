// expect: Argument of type '{ input: { path: string; }; }' is not assignable to parameter of type 'TeardownOptions<NoInfer<{ path: string; }>>'.
// expect:   Property 'setups' is missing in type '{ input: { path: string; }; }' but required in type 'TeardownOptions<NoInfer<{ path: string; }>>'.
import { dag } from '../../../dag/declare.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  return d.teardown('drop', act.list, { input: { path: '' } });
});
