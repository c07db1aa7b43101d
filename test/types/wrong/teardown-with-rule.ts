// expect: Object literal may only specify known properties, and 'triggerRule' does not exist in type 'TeardownOptions<NoInfer<{ path: string; }>>'.
import { dag } from '../../../dag/declare.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  const made = d.setup('make', act.list, { input: { path: '' } });
  return d.teardown('drop', act.list, {
    input: { path: '' },
    setups: [made],
    triggerRule: 'all_done',
  });
});
