/**
 * Names a thing that can be injected. Built on `Symbol.for`, so that two copies of the SDK in one process agree.
 * The type parameter exists at compile time only.
 */
export type Token<T> = symbol & { readonly __type?: T };

export const token = <T>(id: string): Token<T> => Symbol.for(`mezzo:${id}`) as Token<T>;

/** An extension point: plugins contribute any number of T to it. The id carries its major version: `containerizer.v1`. */
export interface ExtensionPoint<T> {
  readonly id: string;
  readonly token: Token<T>;
}

export const extensionPoint = <T>(id: string): ExtensionPoint<T> => ({ id, token: token<T>(`point/${id}`) });
