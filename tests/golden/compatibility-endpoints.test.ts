import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { codesOf, rowsOf } from './compatibility-page.js';
import { ask, ScriptedAgent, startTestMaster, type TestMaster } from './master-support.js';
import { startTestAgent, type TestAgentDaemon } from './agent-support.js';

/** The page's rows of endpoints from before v1, held to what the daemons serve. */

const MASTER = [
  ...['/create-volumes', '/destroy-volumes', '/frameworks', '/flags', '/health', '/redirect', '/reserve', '/unreserve'],
  ...['/roles', '/teardown', '/slaves', '/state', '/state-summary', '/tasks', '/maintenance/schedule'],
  ...['/maintenance/status', '/machine/down', '/machine/up', '/weights', '/quota', '/version', '/metrics/snapshot'],
  ...['/files/browse', '/files/read', '/files/download', '/files/debug', '/logging/toggle', '/registrar(1)/registry'],
];
const AGENT = [
  ...['/state', '/flags', '/health', '/monitor/statistics', '/containers', '/containerizer/debug', '/version'],
  ...['/metrics/snapshot', '/files/browse', '/files/read', '/files/download', '/files/debug', '/logging/toggle'],
  '/api/v1/resource_provider',
];

interface Row {
  readonly method: string;
  readonly path: string;
  readonly verdict: string;
}

const rows = (title: string): Row[] =>
  rowsOf(title)
    .slice(1)
    .flatMap(([cell, verdict]) =>
      codesOf(cell!).map((code) => {
        const [method, path] = code.split(' ') as [string, string];
        return { method, path, verdict: verdict! };
      }),
    );

let master: TestMaster;
let agent: TestAgentDaemon;
beforeAll(async () => {
  master = await startTestMaster();
  agent = await startTestAgent();
});
afterAll(async () => {
  await master.close();
  await agent.close();
});

describe.each([
  ['master', MASTER],
  ['agent', AGENT],
] as const)('endpoints of the %s', (who, ofMesos) => {
  const all = rows(`Endpoints of the ${who} from before v1`);

  test('each of Mesos has a row', () => {
    expect(ofMesos.filter((path) => !all.some((row) => row.path === path))).toEqual([]);
  });

  test.each(all)('$method $path: $verdict', async ({ method, path, verdict }) => {
    const daemon = who === 'master' ? master.daemon : agent.daemon;
    const { status, text } = await ask(daemon, path.replace(/\{\w+\}/g, 'web'), { method });
    const isServed = status !== 501 && text !== '404 Not Found.';
    expect([status, text, isServed]).toEqual([status, text, verdict !== 'not supported']);
  });

  const read = all.filter(({ method, verdict }) => method === 'GET' && verdict !== 'not supported');
  test.each(read)('$path answers JSON as a script when that is asked for', async ({ path }) => {
    const daemon = who === 'master' ? master.daemon : agent.daemon;
    const plain = await ask(daemon, path);
    if (plain.headers['content-type'] !== 'application/json') return;
    const script = await ask(daemon, `${path}?jsonp=show`);
    expect(script.headers['content-type']).toBe('text/javascript');
    expect(script.text).toMatch(/^show\(.*\);$/s);
    expect((await ask(daemon, `${path}?jsonp=alert(1)`)).status).toBe(400);
  });
});

test('the agent says where it is, and shows the log that something else writes', async () => {
  const domain = { fault_domain: { region: { name: 'r' }, zone: { name: 'z' } } };
  const other = await startTestAgent([
    `--domain=${JSON.stringify(domain)}`,
    `--external_log_file=${agent.home}/join.token`,
  ]);
  try {
    const { text } = await ask(other.daemon, '/state');
    expect(JSON.parse(text)).toMatchObject({ domain, external_log_file: `${agent.home}/join.token` });
    const log = await ask(other.daemon, '/files/read?path=/slave/log&offset=0');
    expect(JSON.parse(log.text)).toMatchObject({ data: 'token' });
    expect(other.master.subscribed[0]).toMatchObject({ agentInfo: { domain: { faultDomain: {} } } });
  } finally {
    await other.close();
  }
});

test('an operator reserves and gives back by forms, and sees it in /slaves', async () => {
  const scripted = await ScriptedAgent.start(master.daemon);
  const { agentId } = await scripted.of('registered');
  const form = (path: string, resources: object[]) =>
    ask(master.daemon, path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ slaveId: agentId, resources: JSON.stringify(resources) }).toString(),
    });
  const reserved = async (): Promise<object> => {
    const { slaves } = JSON.parse((await ask(master.daemon, `/slaves?slave_id=${agentId}`)).text) as {
      slaves: [{ reserved_resources: object }];
    };
    return slaves[0].reserved_resources;
  };
  const cpus = { name: 'cpus', type: 'SCALAR', scalar: { value: 1 }, role: 'web', reservation: {} };
  expect(await form('/reserve', [cpus])).toMatchObject({ status: 202 });
  expect(await reserved()).toMatchObject({ web: { cpus: 1 } });
  expect((await form('/reserve', [{ ...cpus, scalar: { value: 9 } }])).status).toBe(409);
  expect(await form('/unreserve', [cpus])).toMatchObject({ status: 202 });
  expect(await reserved()).toEqual({});
  expect((await form('/reserve', [{ name: 'cpus' }])).status).toBe(400);
  scripted.stream.close();
});
