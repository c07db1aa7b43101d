// expect: Type '"all_succes"' is not assignable to type '"all_done" | "all_success" | "all_failed" | "all_done_min_one_success" | "all_skipped" | "one_failed" | "one_success" | "one_done" | "none_failed" | "none_failed_min_one_success" | "none_skipped" | "always" | "all_done_setup_success"'. Did you mean '"all_success"'?
import { dag } from '../../../dag/declare.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  return d.task('list', act.list, { input: { path: '' }, triggerRule: 'all_succes' });
});
