import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { importsOf, productFiles } from './sources.js';

interface Law {
  readonly room: RegExp;
  readonly allows: (target: string) => boolean;
  readonly because: string;
}

/** A relative import as a path of the checkout; a package name as it is. */
const targetOf = (file: string, name: string): string =>
  name.startsWith('.') ? normalize(join(dirname(file), name)) : name;
const within =
  (...rooms: string[]) =>
  (target: string) =>
    rooms.some((room) => target === room || target.startsWith(`${room}/`));
const sdk = within('@mezzo/sdk');
const isPackage = (target: string) =>
  !/^(sdk|kernel|plugins|cli|tests|bench)\//.test(target) && !target.startsWith('@mezzo/');

const pluginLaw = (id: string): Law => ({
  room: new RegExp(`^plugins/${id}/`),
  allows: (target) => within(`plugins/${id}`)(target) || sdk(target) || isPackage(target),
  because: 'a plugin sees the SDK and its own packages alone: never the kernel, never a sibling',
});

const laws: Law[] = [
  {
    room: /^sdk\/contract\//,
    allows: within('sdk/contract'),
    because: 'the contract is pure: types and values that everybody shares',
  },
  {
    room: /^sdk\/(?!testing\/)/,
    allows: (target) => within('sdk')(target) || isPackage(target),
    because: 'the SDK never imports kernel, plugins or cli',
  },
  {
    room: /^sdk\/testing\//,
    allows: (target) => within('sdk')(target) || isPackage(target),
    because: 'the SDK never imports kernel, plugins or cli',
  },
  {
    room: /^sdk\/framework\/core\//,
    allows: within('sdk/framework/core', 'sdk/contract', 'sdk/api/messages.js'),
    because: 'what a framework decides is pure, apart from its I/O',
  },
  {
    room: /^kernel\/core\//,
    allows: (target) => within('kernel/core', '@mezzo/sdk/contract', '@mezzo/sdk/api', '@mezzo/sdk/points')(target),
    because: 'the core is deaf and blind: no node:, no npm, nothing above it',
  },
  {
    room: /^kernel\/ports\//,
    allows: within('kernel/ports', 'kernel/core', '@mezzo/sdk'),
    because: 'ports are interfaces only',
  },
  {
    room: /^kernel\/(shell|http|plugin-host)\//,
    allows: (target) => !within('kernel/main', 'plugins', 'cli')(target),
    because: 'only main composes; nobody below knows it',
  },
  {
    room: /^kernel\//,
    allows: (target) => within('kernel')(target) || sdk(target) || isPackage(target),
    because: 'the kernel never imports plugins or the CLI',
  },
  ...['containerizer-mesos', 'containerizer-docker', 'dns', 'ensemble', 'router', 'marathon', 'metronome'].map(
    pluginLaw,
  ),
  {
    room: /^plugins\/[^/]+\/core\//,
    allows: (target) => !target.startsWith('node:') && !/^plugins\/[^/]+\/shell\//.test(target),
    because: 'a plugin keeps its decisions pure, apart from its I/O',
  },
  {
    room: /^cli\//,
    allows: (target) => within('cli')(target) || sdk(target) || isPackage(target),
    because: 'the CLI starts the kernel, it does not import it',
  },
];

test('imports point down: each room sees only what the law of imports lets it see', () => {
  const broken: string[] = [];
  for (const file of productFiles()) {
    for (const name of importsOf(file)) {
      const target = targetOf(file, name);
      for (const law of laws)
        if (law.room.test(file) && !law.allows(target)) broken.push(`${file} imports ${name}: ${law.because}`);
    }
  }
  expect(broken).toEqual([]);
});

test('the law bites: a core file that imports a node module or the shell would be named', () => {
  const core = laws.find(({ room }) => room.test('kernel/core/x.ts'))!;
  expect(core.allows('node:fs')).toBe(false);
  expect(core.allows('kernel/shell/loop')).toBe(false);
  expect(core.allows('kernel/core/machine')).toBe(true);
});

test('only one file of the SDK imports tsyringe', () => {
  const importers = productFiles().filter((file) => importsOf(file).includes('tsyringe'));
  expect(importers).toEqual(['sdk/runtime/di.ts']);
});
