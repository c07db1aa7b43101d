// expect: Type '"failure"' is not assignable to type '"success" | "failed" | "skipped" | "upstream_failed" | "cancelled"'.
import { dag } from '../../../dag/declare.js';
import { act } from './tasks.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  return d.task('list', act.list, {
    input: { path: '' },
    callbacks: [{ on: ['failure'], notify: { kind: 'webhook', url: 'https://example.org' } }],
  });
});
