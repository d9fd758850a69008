import type { MessageSchema } from './schema.js';

/** Finds the codec of a type that a field refers to. Codecs compile themselves upon first use, so types may be circular. */
export type Codecs = (type: MessageSchema) => object;

/** Collects what a piece of generated code refers to. The text is made of our own descriptors only, never of input. */
export class Source {
  private readonly names: string[];
  private readonly values: unknown[];
  private readonly known = new Map<unknown, string>();

  constructor(
    private readonly codecs: Codecs,
    scope: Readonly<Record<string, unknown>>,
  ) {
    this.names = Object.keys(scope);
    this.values = Object.values(scope);
  }

  codec(type: MessageSchema): string {
    return this.constant(this.codecs(type));
  }

  constant(value: unknown): string {
    const known = this.known.get(value);
    if (known) return known;
    const name = `$${this.names.length}`;
    this.names.push(name);
    this.values.push(value);
    this.known.set(value, name);
    return name;
  }

  compile<F>(parameters: string, body: string): F {
    const make = new Function(...this.names, `'use strict'; return (${parameters}) => {\n${body}\n};`);
    return make(...this.values) as F;
  }
}
