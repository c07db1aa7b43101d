// expect: Type '"maybe"' is not assignable to type '"yes" | "no"'.
import { dag } from '../../../dag/declare.js';

export const wrong = dag('wrong', { params: { path: '', depth: 3 } }, (d) => {
  return d.approval('promote', {
    question: 'Promote?',
    options: ['yes', 'no'],
    expiresMs: 1_000,
    onExpiry: 'maybe',
  });
});
