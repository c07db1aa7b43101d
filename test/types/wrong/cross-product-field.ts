// expect: Property 'first' does not exist on type 'Ref<number>'.
import { dag } from '../../../dag/declare.js';
import { product } from '../../../dag/reference.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '' } }, (d) => {
  const { files } = d.task('list', act.list, { input: { path: d.params.path } });
  return d.map('parse', act.parse, {
    over: product({ file: files, half: [1, 2] }),
    input: ({ file, half }) => ({ file: { ...file, bytes: half.first } }),
  });
});
