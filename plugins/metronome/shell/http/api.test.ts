import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '@mezzo/sdk/testing';
import { World } from '../../testing/world.js';
import { listen } from './server.js';

let world: World;
let base: string;
let server: { dispose(): Promise<void> };

beforeEach(async () => {
  world = new World();
  await world.start();
  const listening = await listen({ engine: world.live.engine, log: silentLog, address: '' }, '127.0.0.1', 0);
  server = listening;
  base = `http://127.0.0.1:${listening.port}`;
});
afterEach(async () => {
  await server.dispose();
  world.die();
});

interface Answered {
  status: number;
  headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- bodies of any shape are looked into
  body: any;
}

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answered> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await fetch(base + path, { method, body: body === undefined ? undefined : text, headers });
  const said = await answer.text();
  const json = answer.headers.get('content-type')?.includes('json');
  return { status: answer.status, headers: answer.headers, body: json ? JSON.parse(said) : said };
}

const sleeper = { id: 'prod.sleeper', description: 'sleeps', run: { cmd: 'sleep 1', cpus: 0.1, mem: 32, disk: 0 } };
const nightly = { id: 'nightly', cron: '0 3 * * *', timezone: 'Europe/Berlin' };
const create = (job: object = sleeper) => call('POST', '/v1/jobs', job);
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/);

describe("Metronome's API", () => {
  it('creates a job with its defaults', async () => {
    expect(await create()).toMatchObject({ status: 201 });
    expect((await call('GET', '/v1/jobs/prod.sleeper')).body).toEqual({
      id: 'prod.sleeper',
      description: 'sleeps',
      labels: {},
      run: {
        cmd: 'sleep 1',
        cpus: 0.1,
        mem: 32,
        disk: 0,
        gpus: 0,
        env: {},
        secrets: {},
        placement: { constraints: [] },
        artifacts: [],
        maxLaunchDelay: 3600,
        volumes: [],
        networks: [],
        restart: { policy: 'NEVER' },
      },
    });
    expect(await create()).toMatchObject({ status: 409, body: { message: 'Job with this id already exists' } });
  });

  it('takes an answer back as it is', async () => {
    const { body } = await create({
      ...sleeper,
      run: { ...sleeper.run, placement: { constraints: [{ attribute: 'rack', operator: 'EQ', value: '1' }] } },
    });
    expect(body.run.placement.constraints[0].operator).toBe('IS');
    expect((await call('PUT', '/v1/jobs/prod.sleeper', body)).body).toEqual(body);
    await call('POST', '/v1/jobs/prod.sleeper/schedules', nightly);
    const schedule = (await call('GET', '/v1/jobs/prod.sleeper/schedules/nightly')).body;
    expect(await call('PUT', '/v1/jobs/prod.sleeper/schedules/nightly', schedule)).toMatchObject({
      status: 200,
      body: schedule,
    });
  });

  it.each([
    [{ ...sleeper, colour: 1 }, '/', "unknown field 'colour'"],
    [{ ...sleeper, run: { ...sleeper.run, colour: 1 } }, '/run', "unknown field 'colour'"],
    [{ run: sleeper.run }, '/id', 'is missing'],
    [{ id: 'a' }, '/run', 'is missing'],
    [{ ...sleeper, id: 'Upper' }, '/id', ''],
    [{ ...sleeper, id: '-a' }, '/id', ''],
    [{ ...sleeper, run: { ...sleeper.run, mem: 31 } }, '/run/mem', ''],
    [{ ...sleeper, run: { ...sleeper.run, cpus: 'many' } }, '/run/cpus', ''],
    [{ ...sleeper, run: { cpus: 1 } }, '/run', 'one of cmd, args, docker or ucr'],
    [{ ...sleeper, run: { ...sleeper.run, docker: { image: 'a' }, ucr: { image: { id: 'a' } } } }, '/run', 'exclude'],
    [{ ...sleeper, run: { ...sleeper.run, env: { A: { secret: 's' } } } }, '/run/env', 'declared'],
    [{ ...sleeper, run: { ...sleeper.run, restart: { policy: 'ALWAYS' } } }, '/run/restart/policy', ''],
    [
      {
        ...sleeper,
        run: { ...sleeper.run, placement: { constraints: [{ attribute: 'a', operator: 'LIKE', value: '(' }] } },
      },
      '/run/placement/constraints(0)',
      '',
    ],
    [{ ...sleeper, run: { ...sleeper.run, artifacts: [{}] } }, '/run/artifacts(0)/uri', 'is missing'],
    [{ ...sleeper, dependencies: [{ id: 'nobody' }] }, '/dependencies(0)', "no job 'nobody'"],
    [[], '/', ''],
  ])('%# answers 422 with what is wrong', async (job, path, error) => {
    const { status, body } = await create(job);
    expect([status, body.message]).toEqual([422, 'Object is not valid']);
    const found = body.details.find((each: { path: string }) => each.path === path);
    expect(found?.errors.join()).toContain(error);
  });

  it('tells what is no JSON, what is too large, and where there is nothing', async () => {
    expect(await call('POST', '/v1/jobs', '{')).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('JSON') },
    });
    expect((await call('POST', '/v1/jobs', { id: 'x'.repeat(300_000) })).status).toBe(413);
    expect(await call('GET', '/v1/<b>')).toEqual(
      expect.objectContaining({ status: 404, body: { message: 'Unknown route.', requestPath: '/v1/%3Cb%3E' } }),
    );
    expect((await create(sleeper)).headers.get('cache-control')).toContain('no-store');
    expect((await call('POST', '/v1/jobs', sleeper, { origin: 'http://elsewhere' })).status).toBe(403);
  });

  it.each([
    ['GET', '/v1/jobs/nobody'],
    ['PUT', '/v1/jobs/nobody', sleeper],
    ['DELETE', '/v1/jobs/nobody'],
    ['GET', '/v1/jobs/nobody/schedules'],
    ['POST', '/v1/jobs/nobody/schedules', nightly],
    ['GET', '/v1/jobs/nobody/runs'],
    ['POST', '/v1/jobs/nobody/runs'],
    ['POST', '/v1/jobs/nobody/runs/1/actions/stop'],
  ])('%s %s is 404', async (method, path, body?) => {
    expect(await call(method, path, body)).toMatchObject({
      status: 404,
      body: { id: 'nobody', message: 'Job not found' },
    });
  });

  it('has several schedules for a job', async () => {
    await create();
    const path = '/v1/jobs/prod.sleeper/schedules';
    expect(await call('POST', path, nightly)).toMatchObject({
      status: 201,
      body: {
        ...nightly,
        startingDeadlineSeconds: 900,
        concurrencyPolicy: 'ALLOW',
        enabled: true,
        nextRunAt: '2026-01-01T02:00:00.000+0000',
      },
    });
    expect((await call('POST', path, nightly)).status).toBe(409);
    expect((await call('POST', path, { ...nightly, id: 'other' })).status).toBe(201);
    expect((await call('GET', path)).body.map(({ id }: { id: string }) => id)).toEqual(['nightly', 'other']);
    expect(await call('GET', `${path}/third`)).toMatchObject({
      status: 404,
      body: { id: 'third', message: 'Schedule not found' },
    });
    expect((await call('PUT', `${path}/third`, nightly)).status).toBe(404);
    expect((await call('PUT', `${path}/other`, { ...nightly, enabled: false })).body).not.toHaveProperty('nextRunAt');
    expect((await call('DELETE', `${path}/other`)).status).toBe(200);
    // A change of the job leaves its schedules alone.
    await call('PUT', '/v1/jobs/prod.sleeper', sleeper);
    expect((await call('GET', path)).body).toHaveLength(1);
  });

  it.each([
    [{ cron: '0 0 31 2 *' }, '/cron'],
    [{ cron: '* * * *' }, '/cron'],
    [{ cron: '* * * * *', timezone: 'Mars/Base' }, '/timezone'],
    [{ iso8601: 'R/nonsense/P1D' }, '/iso8601'],
    [{ cron: '* * * * *', iso8601: 'R//PT1M' }, '/cron'],
    [{}, '/cron'],
    [{ cron: '* * * * *', concurrencyPolicy: 'MAYBE' }, '/concurrencyPolicy'],
    [{ cron: '* * * * *', startingDeadlineSeconds: 0 }, '/startingDeadlineSeconds'],
  ])('%# a wrong schedule is 422', async (schedule, path) => {
    await create();
    const { status, body } = await call('POST', '/v1/jobs/prod.sleeper/schedules', { id: 'x', ...schedule });
    expect([status, body.details[0].path]).toEqual([422, path]);
  });

  it('starts, lists, shows and stops runs', async () => {
    await create();
    world.cluster.onLaunch = () => {};
    const { status, body: run } = await call('POST', '/v1/jobs/prod.sleeper/runs');
    expect(status).toBe(201);
    expect(run).toEqual({
      id: expect.stringMatching(/^\d{14}\w{5}$/),
      jobId: 'prod.sleeper',
      status: 'INITIAL',
      createdAt: TIME,
      completedAt: null,
      tasks: [],
    });
    await world.time.advance(0);
    const shown = {
      ...run,
      status: 'STARTING',
      tasks: [
        {
          id: expect.stringContaining(`prod.sleeper_${run.id}`),
          createdAt: TIME,
          startedAt: null,
          completedAt: null,
          status: 'TASK_STAGING',
        },
      ],
    };
    expect((await call('GET', '/v1/jobs/prod.sleeper/runs')).body).toEqual([shown]);
    expect((await call('GET', `/v1/jobs/prod.sleeper/runs/${run.id}`)).body).toEqual(shown);
    expect((await call('DELETE', '/v1/jobs/prod.sleeper')).status).toBe(409);
    expect(await call('POST', `/v1/jobs/prod.sleeper/runs/${run.id}/actions/stop`)).toMatchObject({
      status: 200,
      body: { id: run.id },
    });
    await world.time.advance(0);
    expect((await call('GET', '/v1/jobs/prod.sleeper/runs')).body).toEqual([]);
    expect((await call('GET', `/v1/jobs/prod.sleeper/runs/${run.id}`)).body).toMatchObject({
      status: 'FAILED',
      completedAt: TIME,
    });
    expect(await call('GET', '/v1/jobs/prod.sleeper/runs/1')).toMatchObject({
      status: 404,
      body: { id: '1', jobSpec: 'prod.sleeper', message: 'Job Run not found' },
    });
  });

  it('embeds what is asked for', async () => {
    await create();
    await call('POST', '/v1/jobs/prod.sleeper/schedules', nightly);
    world.endTasksAfter(1000);
    await call('POST', '/v1/jobs/prod.sleeper/runs');
    await world.time.advance(2000);
    const { body } = await call('GET', '/v1/jobs?embed=schedules,history&embed=historySummary&embed=activeRuns');
    expect(body).toMatchObject([
      {
        id: 'prod.sleeper',
        schedules: [{ id: 'nightly' }],
        activeRuns: [],
        historySummary: { successCount: 1, failureCount: 0, lastSuccessAt: TIME, lastFailureAt: null },
        history: {
          successCount: 1,
          failedFinishedRuns: [],
          successfulFinishedRuns: [{ createdAt: TIME, finishedAt: TIME, tasks: [expect.any(String)] }],
        },
      },
    ]);
    expect(await call('GET', '/v1/jobs?embed=everything')).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('Unknown embed options') },
    });
  });

  it('shows what waits for resources', async () => {
    await create({ ...sleeper, run: { ...sleeper.run, cpus: 100_000 } });
    const { body } = await call('POST', '/v1/jobs/prod.sleeper/runs');
    expect((await call('GET', '/v1/queue')).body).toEqual([{ jobId: 'prod.sleeper', runs: [{ runId: body.id }] }]);
  });

  it('has jobs with schedules in one body, in its version 0', async () => {
    const { status, body } = await call('POST', '/v0/scheduled-jobs', { ...sleeper, schedules: [nightly] });
    expect([status, body.schedules.length]).toEqual([201, 1]);
    const changed = await call('PUT', '/v0/scheduled-jobs/prod.sleeper', { ...sleeper, schedules: [] });
    expect([changed.status, changed.body.schedules]).toEqual([200, []]);
  });

  it('says how it is', async () => {
    expect((await call('GET', '/ping')).body).toBe('pong');
    expect((await call('GET', '/info')).body).toHaveProperty('version');
    expect((await call('GET', '/leader')).body.leader).toMatch(/^127\.0\.0\.1:\d+$/);
    expect((await call('GET', '/v1/metrics')).body.gauges['metronome.jobs.gauge']).toEqual({ value: 0 });
  });
});

describe("Chronos' API", () => {
  const at = (path: string) => `/v1/scheduler${path}`;
  const hourly = {
    name: 'Camus_2hdfs',
    command: 'run.sh',
    schedule: 'R/2026-01-01T01:00:00Z/PT1H',
    owner: 'bob@example.com',
    cpus: '0.5',
  };
  const post = (job: object, kind = 'iso8601') => call('POST', at(`/${kind}`), job);

  it('creates and replaces scheduled jobs', async () => {
    expect(await post(hourly)).toMatchObject({ status: 204, body: '' });
    expect((await call('GET', at('/jobs'))).body).toMatchObject([
      {
        ...hourly,
        cpus: 0.5,
        mem: 128,
        disk: 256,
        retries: 2,
        successCount: 0,
        lastSuccess: '',
        schedule: 'R/2026-01-01T01:00:00.000Z/PT1H',
        disabled: false,
      },
    ]);
    expect((await post({ ...hourly, command: 'other.sh' })).status).toBe(204);
    expect((await call('PUT', '/v1/jobs/Camus_2hdfs', sleeper)).status).toBe(409);
    await create();
    expect((await post({ ...hourly, name: 'prod.sleeper' })).status).toBe(409);
    expect((await call('GET', at('/job/prod.sleeper'))).status).toBe(404);
    expect((await call('GET', at('/job/Camus_2hdfs'))).body.command).toBe('other.sh');
    expect((await call('GET', '/v1/jobs/Camus_2hdfs/schedules')).body).toMatchObject([
      { iso8601: hourly.schedule, concurrencyPolicy: 'FORBID' },
    ]);
  });

  it('runs a job as often as its count says, and shows what is left', async () => {
    world.endTasksAfter(1000);
    await post({ ...hourly, schedule: 'R3/2012-01-01T00:00:00Z/PT1H' });
    await world.time.advance(3_600_000);
    expect((await call('GET', at('/job/Camus_2hdfs'))).body.schedule).toBe('R1/2026-01-01T02:00:00.000Z/PT1H');
    await world.time.advance(24 * 3_600_000);
    expect((await call('GET', at('/job/Camus_2hdfs'))).body).toMatchObject({ successCount: 3, disabled: true });
  });

  it('repeats a failure after a minute, as often as it may', async () => {
    world.cluster.onLaunch = ({ id }) => world.cluster.fail(id);
    await post({ ...hourly, retries: 2 });
    await call('PUT', at('/job/Camus_2hdfs'));
    await world.time.advance(5 * 60_000);
    expect(world.launchesOf('Camus_2hdfs')).toHaveLength(3);
    expect((await call('GET', at('/job/Camus_2hdfs'))).body).toMatchObject({
      errorCount: 1,
      errorsSinceLastSuccess: 1,
    });
  });

  it('runs dependent jobs after their parents, also after a soft error', async () => {
    await post({ ...hourly, softError: true, retries: 0 });
    expect((await post({ name: 'child', command: 'c', parents: ['Camus_2hdfs'] }, 'dependency')).status).toBe(204);
    world.cluster.onLaunch = ({ id, info }) =>
      info.name === 'child' ? world.cluster.finish(id) : world.cluster.fail(id);
    await call('PUT', at('/job/Camus_2hdfs'));
    await world.time.advance(1000);
    expect((await call('GET', at('/job/child'))).body).toMatchObject({ successCount: 1, parents: ['Camus_2hdfs'] });
    expect((await call('GET', at('/graph/csv'))).body).toBe(
      'node,Camus_2hdfs,failure,idle\nnode,child,success,idle\nlink,Camus_2hdfs,child\n',
    );
    expect((await call('GET', at('/graph/dot'))).body).toContain('"Camus_2hdfs" -> "child"');
    expect((await call('DELETE', at('/job/Camus_2hdfs'))).status).toBe(409);
  });

  it('marks a success by hand, which children follow', async () => {
    await post(hourly);
    await post({ name: 'child', command: 'c', parents: ['Camus_2hdfs'] }, 'dependency');
    expect(await call('PUT', at('/job/success/Camus_2hdfs'))).toMatchObject({ status: 200, body: true });
    await world.time.advance(0);
    expect(world.launchesOf('child')).toHaveLength(1);
  });

  it('starts with arguments, kills and removes', async () => {
    await post({ ...hourly, shell: false, command: '/bin/run', arguments: ['-v'] });
    expect(await call('PUT', at('/job/Camus_2hdfs?arguments=-debug%20now'))).toMatchObject({ status: 204 });
    await world.time.advance(0);
    expect(world.launchesOf('Camus_2hdfs')[0]?.info.command).toMatchObject({
      shell: false,
      value: '/bin/run',
      arguments: ['/bin/run', '-v', '-debug', 'now'],
    });
    expect((await call('GET', at('/jobs/summary'))).body.jobs).toMatchObject([
      { name: 'Camus_2hdfs', status: 'fresh', state: '1 running' },
    ]);
    expect((await call('DELETE', at('/task/kill/Camus_2hdfs'))).status).toBe(204);
    await world.time.advance(0);
    expect(world.tasksOf('Camus_2hdfs')).toEqual([]);
    expect((await call('DELETE', at('/job/Camus_2hdfs'))).status).toBe(204);
    expect((await call('GET', at('/jobs'))).body).toEqual([]);
  });

  it('searches by name, command, and either', async () => {
    for (const [name, command] of [
      ['alpha', 'one'],
      ['beta', 'alpha-two'],
      ['gamma', 'three'],
    ])
      await post({ ...hourly, name, command });
    const found = async (query: string) =>
      (await call('GET', at(`/jobs/search?${query}`))).body.map(({ name }: { name: string }) => name);
    expect(await found('name=ALPHA')).toEqual(['alpha']);
    expect(await found('any=alpha')).toEqual(['alpha', 'beta']);
    expect(await found('limit=1&offset=1')).toEqual(['beta']);
  });

  it('tells how long runs take', async () => {
    world.endTasksAfter(3000);
    await post(hourly);
    await call('PUT', at('/job/Camus_2hdfs'));
    await world.time.advance(5000);
    expect((await call('GET', at('/job/stat/Camus_2hdfs'))).body).toMatchObject({ count: 1, '95thPercentile': 3 });
    expect((await call('GET', at('/stats/50thPercentile'))).body).toEqual([{ jobNameLabel: 'Camus_2hdfs', time: 3 }]);
    expect((await call('GET', at('/stats/some'))).status).toBe(400);
  });

  it('answers errors in a sentence, without a stack', async () => {
    const answers = [
      await call('GET', at('/job/nobody')),
      await post({ ...hourly, schedule: 'nonsense' }),
      await post({ name: 'child', command: 'c', parents: ['nobody'] }, 'dependency'),
      await post({ ...hourly, name: 'no spaces here' }),
      await call('POST', at('/iso8601'), '{'),
      await call('POST', at('/job/x/task/y/progress'), {}),
    ];
    expect(answers.map(({ status }) => status)).toEqual([404, 422, 422, 422, 400, 501]);
    for (const { status, body } of answers) {
      expect(body).toMatchObject({ status: String(status), message: expect.any(String) });
      expect(JSON.stringify(body)).not.toMatch(/\bat .*\.(ts|js):\d+/);
    }
  });
});
