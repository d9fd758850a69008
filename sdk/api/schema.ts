import { readFileSync, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type protobuf from 'protobufjs';

export type ScalarKind =
  'string' | 'bytes' | 'bool' | 'double' | 'float' | 'int32' | 'uint32' | 'sint32' | 'int64' | 'uint64' | 'sint64';

export interface EnumSchema {
  readonly fullName: string;
  readonly typeName: string;
  /** Name -> number, in the order of declaration. */
  readonly numbers: ReadonlyMap<string, number>;
  readonly names: ReadonlyMap<number, string>;
}

export interface FieldSchema {
  /** The name on the wire: `agent_id`. */
  readonly name: string;
  /** The property: `agentId`. */
  readonly property: string;
  readonly number: number;
  readonly rule: 'required' | 'optional' | 'repeated' | 'map';
  /** Of a map field: the kind of its values. Keys are strings. */
  readonly kind: ScalarKind | 'enum' | 'message';
  readonly enum?: EnumSchema;
  readonly message?: MessageSchema;
  /** Explicit default that JSON shows for an unset field. Undefined for deprecated fields. */
  readonly shownDefault?: string | number | boolean;
  /** Of a repeated field: JSON shows it even when it is empty. */
  readonly shownEmpty?: true;
}

export interface MessageSchema {
  readonly fullName: string;
  readonly typeName: string;
  /** In the order of declaration, in which JSON is written. */
  readonly fields: readonly FieldSchema[];
}

export interface Schema {
  readonly messages: ReadonlyMap<string, MessageSchema>;
  readonly enums: ReadonlyMap<string, EnumSchema>;
}

const FILES = ['mesos', 'duration', 'allocator', 'maintenance', 'quota', 'scheduler', 'executor', 'master', 'agent'];

/** The sources run from sdk/api, the build from sdk/dist/api; the descriptors stay in sdk/api/proto. */
function protoDirectory(): string {
  const beside = fileURLToPath(new URL('./proto/mesos/v1/', import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL('../../api/proto/mesos/v1/', import.meta.url));
}

let loaded: Schema | undefined;

/** Parses the descriptors upon the first call, because most importers of this package never need them. */
export function schema(): Schema {
  return (loaded ??= load());
}

function load(): Schema {
  const { Root, parse } = createRequire(import.meta.url)('protobufjs') as typeof protobuf;
  const root = new Root();
  for (const file of FILES) parse(readFileSync(`${protoDirectory()}${file}.proto`, 'utf8'), root, { keepCase: true });
  root.resolveAll();
  return new SchemaBuilder().build(root);
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

class SchemaBuilder {
  private readonly messages = new Map<string, MessageSchema>();
  private readonly enums = new Map<string, EnumSchema>();

  build(root: protobuf.Root): Schema {
    this.visit(root);
    return { messages: this.messages, enums: this.enums };
  }

  private visit(node: protobuf.ReflectionObject): void {
    if ('fields' in node) this.message(node as protobuf.Type);
    else if ('values' in node) this.enum(node as protobuf.Enum);
    for (const child of (node as Partial<protobuf.NamespaceBase>).nestedArray ?? []) this.visit(child);
  }

  private enum(node: protobuf.Enum): EnumSchema {
    const fullName = node.fullName.slice(1);
    const known = this.enums.get(fullName);
    if (known) return known;
    const numbers = new Map(Object.entries(node.values));
    const names = new Map([...numbers].map(([name, number]) => [number, name]));
    const made = { fullName, typeName: typeName(fullName), numbers, names };
    this.enums.set(fullName, made);
    return made;
  }

  private message(node: protobuf.Type): MessageSchema {
    const fullName = node.fullName.slice(1);
    const known = this.messages.get(fullName);
    if (known) return known;
    const fields: FieldSchema[] = [];
    const made = { fullName, typeName: typeName(fullName), fields };
    this.messages.set(fullName, made); // before its fields, because types refer to themselves
    for (const field of node.fieldsArray) fields.push(this.field(field));
    return made;
  }

  private field(node: protobuf.Field): FieldSchema {
    const made: Mutable<FieldSchema> = {
      name: node.name,
      property: camelCase(node.name),
      number: node.id,
      rule: node.map ? 'map' : node.repeated ? 'repeated' : node.required ? 'required' : 'optional',
      kind: 'string',
    };
    const type = node.resolvedType;
    if (type === null) made.kind = node.type as ScalarKind;
    else if ('fields' in type) {
      made.kind = 'message';
      made.message = this.message(type);
    } else {
      made.kind = 'enum';
      made.enum = this.enum(type);
    }
    const options = (node.options ?? {}) as { default?: string | number | boolean; deprecated?: boolean };
    if (options.default !== undefined && made.rule === 'optional' && !options.deprecated) {
      made.shownDefault = options.default;
    }
    if (node.options?.['(shown_empty)'] === true) made.shownEmpty = true;
    return made;
  }
}

export const camelCase = (name: string): string => name.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase());

/** `mesos.v1.scheduler.Call.Accept` -> `SchedulerCallAccept`; `mesos.v1.quota.QuotaInfo` -> `QuotaInfo`. */
export function typeName(fullName: string): string {
  const parts = fullName.replace(/^mesos\.v1\.|^google\./, '').split('.');
  const space = /^[a-z]/.test(parts[0]!) ? parts.shift()! : '';
  const prefix = space.charAt(0).toUpperCase() + space.slice(1);
  const name = parts.join('');
  return name.startsWith(prefix) ? name : prefix + name;
}
