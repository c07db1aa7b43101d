// expect: Type 'Ref<number>' is not assignable to type 'string | Ref<string>'.
// expect:   Type 'Ref<number>' is not assignable to type 'Ref<string>'.
// expect:     Type 'number' is not assignable to type 'string'.
import { dag } from '../../../dag/declare.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  const found = d.task('list', act.list, { input: { path: '' } });
  return d.map('list_all', act.list, {
    over: found.files,
    input: (file) => ({ path: file.bytes }),
  });
});
