// expect: Object literal may only specify known properties, and 'minLength' does not exist in type 'NumberSchema'.
import { param } from '../../../dag/param.js';

export const weeks = param(8, { minLength: 1 });
