import { describe, expect, test } from 'vitest';
import { agent, framework, load, SERVICE, snapshotOf, task, update } from '../testing/fixture.js';
import { decide, type Action, type Decision, type RouteRules } from './routes.js';
import { RouteTable } from './table.js';

const RULES: RouteRules = { public: [], masterUrl: 'http://10.0.0.1:5050' };
const at = (table: RouteTable, url: string, atMs = 0, rules = RULES): Decision => decide(table, url, rules, atMs);

/** `host:port path` of the first target, or what else is done. */
function goes(table: RouteTable, url: string, atMs = 0): string {
  const { action } = at(table, url, atMs);
  if (action.kind === 'proxy') {
    const { targets, path } = action.upstream;
    const { scheme, host, port, basePath } = targets[0]!;
    return `${scheme}://${host}:${port}${basePath}${path}`;
  }
  return action.kind === 'error' ? `${action.status}` : action.kind;
}
const upstream = (action: Action) => (action.kind === 'proxy' ? action.upstream : undefined);

describe('services', () => {
  test('an app is found by the name of its tasks, however deep', () => {
    const table = load(new RouteTable(), [task('1', { name: 'hello' }), task('2', { name: 'a.g', ports: [31001] })]);
    expect(goes(table, '/service/hello/')).toBe('http://10.0.0.5:31000/');
    expect(goes(table, '/service/hello/x/y?z=1')).toBe('http://10.0.0.5:31000/x/y?z=1');
    expect(goes(table, '/service/g/a/x')).toBe('http://10.0.0.5:31001/x');
    expect(goes(table, '/service//g//a')).toBe('http://10.0.0.5:31001/');
    expect(goes(table, '/service/g/')).toBe('404');
  });

  test('what follows the name stays as it was written', () => {
    const table = load(new RouteTable(), [task('1', { name: 'hello' })]);
    expect(goes(table, '/service/hello/%20%3F%23//a/../b?q=%2F')).toBe('http://10.0.0.5:31000/%20%3F%23//a/../b?q=%2F');
    expect(goes(table, '/service/h%65llo/x')).toBe('http://10.0.0.5:31000/x');
    expect(goes(table, '/service/hello%2fx/')).toBe('404');
    expect(goes(table, '/service/%zz/')).toBe('404');
  });

  test('labels publish an app under another name, on another port and scheme', () => {
    const table = load(new RouteTable(), [
      task('1', { ports: [31000, 31001], labels: SERVICE('/g/web', '1', 'https') }),
    ]);
    expect(goes(table, '/service/g/web/')).toBe('https://10.0.0.5:31001/');
    expect(goes(table, '/service/web/')).toBe('http://10.0.0.5:31000/');
  });

  test('labels win over frameworks, ids over names, frameworks over plain apps', () => {
    const frameworks = [
      framework('F0', 'marathon'),
      framework('F1', 'spark', 'http://10.0.0.9:4040/ui/'),
      framework('spark', 'other', 'http://10.0.0.8:80'),
    ];
    const plain = task('1', { name: 'spark' });
    const labelled = task('2', { name: 'x', ports: [31002], labels: SERVICE('spark') });
    const table = load(new RouteTable(), [plain, labelled], { frameworks });
    expect(goes(table, '/service/spark/')).toBe('http://10.0.0.5:31002/');
    load(table, [plain], { frameworks });
    expect(goes(table, '/service/spark/')).toBe('http://10.0.0.8:80/');
    load(table, [plain], { frameworks: frameworks.slice(0, 2) });
    expect(goes(table, '/service/spark/jobs')).toBe('http://10.0.0.9:4040/ui/jobs');
    load(table, [plain], { frameworks: [framework('F0', 'marathon'), framework('F1', 'spark', '')] });
    expect(goes(table, '/service/spark/')).toBe('http://10.0.0.5:31000/');
  });

  test('of frameworks of one name the active one is taken', () => {
    const frameworks = [
      framework('F1', 'spark', 'http://10.0.0.9:1', true),
      framework('F2', 'spark', 'http://10.0.0.9:2', false),
    ];
    expect(goes(load(new RouteTable(), [], { frameworks }), '/service/spark/')).toBe('http://10.0.0.9:1/');
  });

  test('nobody takes the name of marathon', () => {
    const table = load(new RouteTable(), [task('1', { name: 'marathon', labels: SERVICE('marathon') })]);
    expect(goes(table, '/service/marathon/v2/apps')).toBe('404');
    table.endpointsAre([{ name: 'marathon', url: 'http://10.0.0.1:8080' }]);
    expect(goes(table, '/service/marathon/v2/apps//a?x')).toBe('http://10.0.0.1:8080/v2/apps//a?x');
    expect(goes(table, '/marathon/v2/apps')).toBe('http://10.0.0.1:8080/v2/apps');
    expect(upstream(at(table, '/marathon/v2/apps').action)).toMatchObject({
      trusted: true,
      prefix: '/service/marathon',
    });
  });

  test('the router is no service of itself', () => {
    const table = load(new RouteTable(), []);
    table.endpointsAre([
      { name: 'router', url: 'http://10.0.0.1:8000' },
      { name: 'ui', url: 'http://10.0.0.1:9000' },
    ]);
    expect(goes(table, '/service/router/')).toBe('404');
    expect(goes(table, '/service/ui/')).toBe('http://10.0.0.1:9000/');
  });

  test.each(['false', 'False', ' FALSE '])('an app that wants whole paths (%s) gets them', (value) => {
    const labels = { ...SERVICE('web'), DCOS_SERVICE_REWRITE_REQUEST_URLS: value };
    const { action } = at(load(new RouteTable(), [task('1', { labels })]), '/service/web/x?y');
    expect(upstream(action)).toMatchObject({ path: '/service/web/x?y', prefix: undefined });
  });

  test('one bad app does not hurt another', () => {
    const table = load(new RouteTable(), [
      task('1', { name: 'bad', labels: SERVICE('bad', 'no number') }),
      task('2', { name: 'far', labels: SERVICE('far', '7') }),
      task('3', { name: 'half', labels: { DCOS_SERVICE_NAME: 'half' } }),
      task('4', { name: 'good', labels: SERVICE('good') }),
    ]);
    expect(goes(table, '/service/bad/')).toBe('503');
    expect(goes(table, '/service/far/')).toBe('503');
    expect(goes(table, '/service/half/')).toBe('http://10.0.0.5:31000/');
    expect(goes(table, '/service/good/')).toBe('http://10.0.0.5:31000/');
  });

  test('discovery orders the ports, and a network of its own makes the address', () => {
    const discovery = { visibility: 'FRAMEWORK' as const, ports: { ports: [{ number: 31009 }, { number: 31001 }] } };
    const containerStatus = { networkInfos: [{ ipAddresses: [{ ipAddress: '9.0.0.7' }] }] };
    const statuses = [{ taskId: { value: '2' }, state: 'TASK_RUNNING' as const, containerStatus }];
    const own = { discovery, statuses, container: { type: 'MESOS' as const, networkInfos: [{ name: 'net' }] } };
    const table = load(new RouteTable(), [
      task('1', { name: 'a', more: { discovery } }),
      task('2', { name: 'b', more: own }),
    ]);
    expect(goes(table, '/service/a/')).toBe('http://10.0.0.5:31009/');
    expect(goes(table, '/service/b/')).toBe('http://9.0.0.7:31009/');
  });

  test('tasks of other frameworks are no apps', () => {
    const frameworks = [framework('F0', 'marathon'), framework('F1', 'mine')];
    const table = load(new RouteTable(), [task('1', { frameworkId: 'F1', labels: SERVICE('web') })], { frameworks });
    expect(goes(table, '/service/web/')).toBe('404');
  });
});

describe('instances', () => {
  const three = [1, 2, 3].map((n) => task(String(n), { ports: [31000 + n] }));
  const targets = (table: RouteTable): string[] =>
    Array.from({ length: 6 }, () => goes(table, '/service/web/').slice(-6, -1)).sort();

  test('take turns', () => {
    expect(targets(load(new RouteTable(), three))).toEqual(['31001', '31001', '31002', '31002', '31003', '31003']);
  });

  test('that are unhealthy, or do not run, are left out', () => {
    const table = load(new RouteTable(), three);
    table.apply(update('1', 'TASK_RUNNING', false), 0);
    table.apply(update('2', 'TASK_KILLING'), 0);
    expect(new Set(targets(table))).toEqual(new Set(['31003']));
    table.apply(update('1', 'TASK_RUNNING', true), 0);
    expect(new Set(targets(table))).toEqual(new Set(['31001']));
  });

  test('whose framework knows their health are chosen by it; their own word counts more', () => {
    const table = new RouteTable();
    table.reportHealth('2', true, 0);
    load(table, three);
    expect(new Set(targets(table))).toEqual(new Set(['31002']));
    table.reportHealth('2', false, 0);
    expect(new Set(targets(table))).toEqual(new Set(['31001', '31003']));
    table.apply(update('2', 'TASK_RUNNING', true), 0);
    expect(new Set(targets(table))).toEqual(new Set(['31002']));
  });

  test('an app without a usable instance is down, not unknown; long after it is', () => {
    const table = load(new RouteTable(), [task('1')]);
    table.apply(update('1', 'TASK_RUNNING', false), 0);
    expect(goes(table, '/service/web/')).toBe('503');
    table.apply(update('1', 'TASK_FAILED'), 1000);
    expect(goes(table, '/service/web/', 2000)).toBe('503');
    expect(goes(table, '/service/web/', 1_000_000)).toBe('404');
    table.apply({ taskAdded: { task: task('2', { state: 'TASK_STAGING' }) } }, 0);
    expect(at(table, '/service/web/').action).toMatchObject({
      reason: expect.stringContaining('none of its 1 instances'),
    });
  });
});

describe('a new leader', () => {
  test('keeps routes to tasks whose agents it still waits for', () => {
    const agents = [agent('M-S0', '10.0.0.5:5051'), agent('M-S1', '10.0.0.6:5051')];
    const table = load(new RouteTable(), [task('1', { name: 'a' }), task('2', { name: 'b', agentId: 'M-S1' })], {
      agents,
    });
    load(table, [], { agents: [], frameworks: [], recovered: ['M-S0'] }, 1000);
    expect(goes(table, '/service/a/', 1000)).toBe('http://10.0.0.5:31000/');
    expect(goes(table, '/agent/M-S0/state')).toBe('http://10.0.0.5:5051/state');
    expect(goes(table, '/service/b/', 1000)).toBe('503');
    table.apply({ agentAdded: { agent: agents[0]! } }, 1000);
    expect(table.awaits('M-S0')).toBe(true);
    table.sweep('M-S0', 1000);
    expect(goes(table, '/service/a/', 1000)).toBe('503');
  });
});

describe('the other routes', () => {
  const table = load(new RouteTable(), []);
  test.each([
    ['/', 'own', true],
    ['/login?x=1', 'own', true],
    ['/acs/api/v1/auth/login', 'own', true],
    ['/acs/api/v1/users', 'own', false],
    ['/dcos-metadata/dcos-version.json', 'own', true],
    ['/metadata', 'own', false],
    ['/pkgpanda/active.buildinfo.full.json', 'own', false],
    ['/router/v1/cluster', 'own', false],
    ['/service/hello', 'redirect', true],
    ['/marathon?x', 'redirect', true],
    ['/mesos', 'redirect', true],
    ['/mesos/master/state?x', 'http://10.0.0.1:5050/master/state?x', false],
    ['/mesos_dns/v1/hosts/a', '503', false],
    ['/mesosphere', '404', true],
    ['/agent/M-S0/files/browse?path=/x', 'http://10.0.0.5:5051/files/browse?path=/x', false],
    ['/slave/M-S0', 'http://10.0.0.5:5051/', false],
    ['/agent/M-S9/state', '404', false],
    ['/exhibitor/', '501', false],
    ['/system/v1/agent/x/logs', '501', false],
    ['/package/list', '501', false],
    ['/cache/master/state', '404', true],
    ['/service/nope/', '404', false],
    ['*', '400', true],
  ])('%s goes to %s (anonymous: %s)', (url, where, anonymous) => {
    expect(goes(table, url)).toBe(where);
    expect(at(table, url).anonymous).toBe(anonymous);
  });

  test('redirects keep the query and never leave the site', () => {
    expect(at(table, '/marathon?a=b').action).toMatchObject({ status: 307, location: '/marathon/?a=b' });
    expect(at(table, '/service/hello?a=b').action).toMatchObject({ status: 301, location: '/service/hello/?a=b' });
    expect(at(table, '//evil.org').action).toMatchObject({ kind: 'error', status: 404 });
  });

  test('before anything is known nothing is denied', () => {
    expect(goes(new RouteTable(), '/service/web/')).toBe('503');
    expect(goes(new RouteTable(), '/agent/M-S0/')).toBe('503');
  });
});

describe('public apps', () => {
  const label = { MEZZO_ROUTER_PUBLIC: 'true' };
  test('need no token when all instances say so', () => {
    const table = load(new RouteTable(), [task('1', { labels: label })]);
    expect(at(table, '/service/web/').anonymous).toBe(true);
    table.apply({ taskAdded: { task: task('2') } }, 0);
    expect(at(table, '/service/web/').anonymous).toBe(false);
  });

  test('need no token under a configured prefix, out of which no dots lead', () => {
    const table = load(new RouteTable(), [task('1')]);
    const rules = { ...RULES, public: ['/service/web/'] };
    const open = (url: string): boolean => at(table, url, 0, rules).anonymous;
    expect(open('/service/web/x')).toBe(true);
    expect(open('/service/web/../db/')).toBe(false);
    expect(open('/service/web/%2E%2e/db/')).toBe(false);
    expect(open('/service/webby/')).toBe(false);
  });
});

test('a framework that comes later makes apps of the tasks that were there', () => {
  const table = load(new RouteTable(), [task('1')], { frameworks: [] });
  expect(goes(table, '/service/web/')).toBe('404');
  table.apply({ frameworkAdded: { framework: framework('F0', 'marathon') } }, 0);
  expect(goes(table, '/service/web/')).toBe('http://10.0.0.5:31000/');
  expect(snapshotOf([]).type).toBe('SUBSCRIBED');
});
