declare const value: unique symbol;

/**
 * What every reference to a `T` is. The type of the same name in reference.ts adds the properties of
 * `T`; `tsc` calls both `Ref<T>` in its messages.
 */
export interface Ref<out T> {
  readonly [value]: T;
}
