// expect: Type 'Ref<{ files: File[]; newest: File; }>' is not assignable to type 'readonly unknown[] | Ref<readonly unknown[]>'.
// expect:   Type 'Ref<{ files: File[]; newest: File; }>' is not assignable to type 'Ref<readonly unknown[]>'.
// expect:     Types of property '[value]' are incompatible.
// expect:       Type '{ files: File[]; newest: File; }' is missing the following properties from type 'readonly unknown[]': length, concat, join, slice, and 26 more.
import { dag } from '../../../dag/declare.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  const found = d.task('list', act.list, { input: { path: '' } });
  return d.map('parse', act.parse, { over: found, input: () => ({ file: found.newest }) });
});
