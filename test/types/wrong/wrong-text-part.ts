// expect: Argument of type 'Ref<File[]>' is not assignable to parameter of type 'string | number | Ref<string | number>'.
// expect:   Type 'Ref<File[]>' is not assignable to type 'Ref<string | number>'.
// expect:     Type 'File[]' is not assignable to type 'string | number'.
import { dag } from '../../../dag/declare.js';
import { text } from '../../../dag/reference.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  const found = d.task('list', act.list, { input: { path: '' } });
  return d.task('again', act.list, { input: { path: text`in ${found.files}` } });
});
