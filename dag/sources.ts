/** The leaves of expressions that point elsewhere. */
import type { Expression, Source } from './expression.js';

const KINDS = ['$task', '$param', '$run', '$item', '$text', '$product'];

/** True for a leaf that points elsewhere. */
export function isSource(expression: object): expression is Source {
  return Object.keys(expression).some((key) => KINDS.includes(key));
}

/** All sources in an expression, those inside texts and products as well. */
export function sourcesIn(expression: Expression): Source[] {
  if (expression === null || typeof expression !== 'object') return [];
  if (!isSource(expression)) return Object.values(expression).flatMap(sourcesIn);
  if ('$text' in expression) return [expression, ...expression.$text.flatMap(sourcesIn)];
  if ('$product' in expression) {
    return [expression, ...Object.values(expression.$product).flatMap(sourcesIn)];
  }
  return [expression];
}
