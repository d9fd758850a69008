import { expect, test } from 'vitest';
import { routeConflicts } from './http-claims.js';
import { manifestOf, manifestOfEntry, requireForCluster, requireSdk, unmetDependencies } from './manifest.js';

const mezzo = { id: 'dns', sdk: '^0.1.0', runsOn: ['master'], entry: 'plugin.js' };
const packageJson = (change: object = {}, top: object = {}) => ({
  name: '@mezzo/plugin-dns',
  version: '0.1.0',
  description: 'Names',
  scripts: {},
  mezzo: { ...mezzo, ...change },
  ...top,
});

test('a manifest is read with its defaults, from package.json and from an index', () => {
  const manifest = manifestOf(packageJson());
  expect(manifest).toEqual({
    ...mezzo,
    name: '@mezzo/plugin-dns',
    version: '0.1.0',
    description: 'Names',
    process: 'own',
    placement: 'every',
    config: {},
    requires: [],
    uses: [],
    provides: [],
    dependsOn: {},
    listens: {},
    limits: { memoryMib: 1024 },
    permissions: { roles: [], operator: 'none', endpoints: ['dns'] },
    onFailure: 'degrade',
  });
  expect(manifestOfEntry({ ...mezzo, name: '@mezzo/plugin-dns', version: '0.1.0', description: 'Names' })).toEqual(
    manifest,
  );
});

test.each<[object, object, RegExp]>([
  [{ id: 'Not Kebab' }, {}, /"mezzo\.id" must match/],
  [{ id: undefined }, {}, /"mezzo\.id" is missing/],
  [{ runsOn: ['moon'] }, {}, /"mezzo\.runsOn\.0" must be equal to one of the allowed values \(master, agent\)/],
  [{ runsOn: [] }, {}, /"mezzo\.runsOn" must NOT have fewer/],
  [{ colour: 1 }, {}, /unknown key "mezzo\.colour"/],
  [{ entry: '../plugin.js' }, {}, /"mezzo\.entry" must match/],
  [{ entry: '/etc/passwd' }, {}, /"mezzo\.entry" must match/],
  [{ sdk: 'one' }, {}, /"mezzo\.sdk" "one" is no semver range/],
  [{ process: 'thread' }, {}, /"mezzo\.process".*own, kernel/],
  [
    { requires: ['isolator.v1'] },
    {},
    /"mezzo\.requires": a process of its own has no isolator\.v1; there are scheduler/,
  ],
  [{ provides: ['containerizer.v1'] }, {}, /"mezzo\.provides": only plugins with "process": "kernel"/],
  [{ process: 'kernel', provides: ['event-sink.v1'] }, {}, /event-sink\.v1 is for plugins in a process of their own/],
  [{ runsOn: ['master', 'agent'], provides: ['discovery-sink.v1'] }, {}, /run on masters alone/],
  ...[
    { runsOn: ['master', 'agent'] },
    { process: 'own' },
    { provides: ['store-driver.v1', 'authorizer.v1'] },
    { requires: ['store'] },
    { uses: ['authorizer.v1'] },
    { dependsOn: { router: '*' } },
  ].map((wrong): [object, object, RegExp] => [
    { process: 'kernel', provides: ['store-driver.v1'], ...wrong },
    {},
    /"mezzo\.provides": store-driver\.v1 is for packages with "process": "kernel" and "runsOn": \["master"\]/,
  ]),
  [{ uses: ['isolator.v1'] }, {}, /"mezzo\.uses": only plugins with "process": "kernel" take contributions/],
  [
    { process: 'kernel', uses: ['a.v1'], requires: ['a.v1'] },
    {},
    /"mezzo\.uses": a\.v1 is in "mezzo\.requires" already/,
  ],
  [{ placement: 'leader', runsOn: ['agent'] }, {}, /"mezzo\.placement"/],
  [{ placement: 'leader', process: 'kernel' }, {}, /"mezzo\.placement"/],
  [{ runsOn: [], entry: undefined }, {}, /"mezzo\.entry" is missing/],
  [
    { cli: { entry: 'plugin.js', commands: { jobs: 'x' } } },
    {},
    /"mezzo\.cli\.entry" "plugin\.js" is "mezzo\.entry", too/,
  ],
  [{ cli: { entry: '../c.js', commands: { jobs: 'x' } } }, {}, /"mezzo\.cli\.entry" must match/],
  [{ cli: { entry: 'c.js', commands: {} } }, {}, /"mezzo\.cli\.commands" must NOT have fewer/],
  [
    { cli: { entry: 'c.js', commands: { 'Jobs!': 'x' } } },
    {},
    /"mezzo\.cli\.commands": "Jobs!" is no name of a command/,
  ],
  [{ cli: { entry: 'c.js', commands: { '--help': 'x' } } }, {}, /"--help" is no name of a command/],
  [{ cli: { entry: 'c.js', commands: { jobs: 'x\u001b[2K\rInstall it? [y/N] y' } } }, {}, /commands\.jobs" must match/],
  [{ runsOn: [], cli: { entry: 'c.js', commands: { jobs: 'x' } } }, {}, /a package of commands alone/],
  [
    { runsOn: [], entry: undefined, requires: ['store'], cli: { entry: 'c.js', commands: { jobs: 'x' } } },
    {},
    /a package of commands alone/,
  ],
  [
    { http: { routes: [{ path: '/mesos/x' }] } },
    {},
    /"mezzo\.http\.routes": \/mesos\/x is a path of the router itself/,
  ],
  [{ http: { routes: [{ path: '/service/victim' }] } }, {}, /is a path of the router itself/],
  [{ http: { routes: [{ path: '/a/../mesos' }] } }, {}, /"mezzo\.http\.routes\.0\.path" must match/],
  [{ http: { routes: [{ path: '/%6desos' }] } }, {}, /"mezzo\.http\.routes\.0\.path" must match/],
  [{ http: { routes: [{ path: '/' }] } }, {}, /"mezzo\.http\.routes\.0\.path" must match/],
  [
    { http: { middleware: [{ path: '/mesos' }] } },
    {},
    /"mezzo\.http\.middleware": \/mesos is a path of the router itself/,
  ],
  [{ http: { middleware: [{ path: '/login' }] } }, {}, /"mezzo\.http\.middleware": \/login is a path/],
  [{ http: { pages: [{ title: 'x', path: '/other/page' }] } }, {}, /"mezzo\.http\.pages": \/other\/page is not below/],
  [{ http: { endpoint: 'other' } }, {}, /"mezzo\.http\.endpoint" "other" is none of/],
  [{ http: {}, runsOn: ['agent'] }, {}, /"mezzo\.http" is for plugins in a process of their own/],
  [{}, { version: '1' }, /"version" "1" is no semantic version/],
  [{}, { version: '../../1.0.0' }, /"version".*is no semantic version/],
  [{}, { mezzo: undefined }, /"mezzo" is missing/],
])('a manifest that is wrong says which key: %j %j', (change, top, message) => {
  const json = JSON.parse(JSON.stringify(packageJson(change, top))) as unknown;
  expect(() => manifestOf(json)).toThrow(
    expect.objectContaining({ code: 'PLUGIN_MANIFEST_INVALID', message: expect.stringMatching(message) }),
  );
});

test.each([undefined, null, 3, [], 'x', {}])('nonsense is refused: %j', (json) => {
  expect(() => manifestOf(json)).toThrow(expect.objectContaining({ code: 'PLUGIN_MANIFEST_INVALID' }));
});

test('a package may bring commands, and nothing else', () => {
  const cli = { entry: 'commands.js', commands: { 'jobs run': 'Run one', jobs: 'List them' } };
  expect(manifestOf(packageJson({ cli })).cli).toEqual(cli);
  const alone = manifestOf(JSON.parse(JSON.stringify(packageJson({ cli, runsOn: [], entry: undefined }))));
  expect(alone).toMatchObject({ runsOn: [], entry: 'commands.js', cli });
  // As registries and nodes hand it on.
  expect(manifestOfEntry(alone)).toEqual(alone);
});

test('a plugin for another SDK is refused', () => {
  const manifest = manifestOf(packageJson());
  requireSdk(manifest, '0.1.7');
  expect(() => requireSdk(manifest, '0.2.0')).toThrow(expect.objectContaining({ code: 'PLUGIN_SDK_MISMATCH' }));
});

test('a plugin that depends on another is held back until that one is there, in a version that fits', () => {
  const plain = manifestOf(packageJson());
  const other = { ...plain, id: 'other', version: '1.2.3' };
  const needs = (range: string) => ({ ...plain, dependsOn: { other: range } });
  expect(unmetDependencies([needs('^1.2.0'), other])).toEqual([]);
  expect(unmetDependencies([needs('^1.2.0')])).toEqual([
    {
      id: 'dns',
      problem: expect.stringMatching(/^dns \S+ depends on other \^1\.2\.0, which is not installed$/) as string,
    },
  ]);
  expect(unmetDependencies([needs('^2.0.0'), other])[0]?.problem).toContain('and 1.2.3 is installed');
  const mezzo = { ...packageJson().mezzo, dependsOn: { other: 'nonsense' } };
  expect(() => manifestOf({ ...packageJson(), mezzo })).toThrow(
    '"mezzo.dependsOn.other" "nonsense" is no semver range',
  );
  expect(() => manifestOf({ ...packageJson(), mezzo: { ...mezzo, dependsOn: { dns: '*' } } })).toThrow(
    'depend on itself',
  );
});

test('a plugin may do what it says, and of what it does not say only what its services take', () => {
  const permissions = (mezzo: object) => manifestOf(packageJson(mezzo)).permissions;
  expect(permissions({ requires: ['scheduler', 'operator-events'] })).toEqual({
    roles: ['*'],
    operator: 'read',
    endpoints: ['dns'],
  });
  const own = { roles: 'any', operator: 'write', endpoints: ['mesos_dns'] };
  expect(permissions({ permissions: own })).toEqual(own);
  expect(() => permissions({ permissions: { operator: 'all' } })).toThrow('"mezzo.permissions.operator"');
  expect(() => permissions({ permissions: { root: true } })).toThrow('unknown key "mezzo.permissions.root"');
});

test('who contributes a sink may read the operator API', () => {
  const { provides, permissions } = manifestOf(packageJson({ provides: ['metrics-sink.v1'] }));
  expect([provides, permissions.operator]).toEqual([['metrics-sink.v1'], 'read']);
});

test('a route belongs to one plugin, with all that is below it', () => {
  const of = (id: string, ...paths: string[]) =>
    manifestOf(packageJson({ id, http: { routes: paths.map((path) => ({ path })) } }));
  expect(of('one', '/jobs').http).toEqual({
    endpoint: 'one',
    routes: [{ path: '/jobs', public: false }],
    middleware: [],
    pages: [],
  });
  expect(routeConflicts([of('one', '/jobs', '/jobs/v1'), of('two', '/jobs-too')])).toEqual([]);
  for (const [mine, theirs] of [
    ['/jobs', '/jobs'],
    ['/jobs', '/jobs/v1'],
    ['/jobs/v1', '/jobs'],
  ] as const)
    expect(routeConflicts([of('one', mine), of('two', theirs)])[1]).toEqual({
      id: 'two',
      problem: `two 0.1.0 claims the route ${theirs}, which is of one`,
    });
});

test('what brings the store of masters is not for the cluster, and says what it is for', () => {
  requireForCluster(manifestOf(packageJson()));
  const driver = manifestOf(packageJson({ process: 'kernel', provides: ['store-driver.v1'] }));
  expect(() => requireForCluster(driver)).toThrow(
    /plugin dns 0\.1\.0 brings the store of masters .*cannot be installed/,
  );
});
