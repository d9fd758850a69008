// A custom executor with nothing but what its environment tells it: runs what it is given until it is told otherwise, or the file
// is there that the task's label `until` names.
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';

const { MESOS_AGENT_ENDPOINT, MESOS_FRAMEWORK_ID, MESOS_EXECUTOR_ID, MESOS_DIRECTORY } = process.env;
const { MESOS_EXECUTOR_AUTHENTICATION_TOKEN: token } = process.env;
const scheme = process.env.LIBPROCESS_SSL_ENABLED === 'true' ? 'https' : 'http';
const url = `${scheme}://${MESOS_AGENT_ENDPOINT}/api/v1/executor`;
const ids = { framework_id: { value: MESOS_FRAMEWORK_ID }, executor_id: { value: MESOS_EXECUTOR_ID } };
const tasks = new Map();
const updates = new Map();

const post = (call) =>
  fetch(url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json',
      ...(token && { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ ...ids, ...call }),
  });

async function update(taskId, state, message = '') {
  const uuid = Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64');
  const status = { task_id: { value: taskId }, state, message, source: 'SOURCE_EXECUTOR', uuid };
  updates.set(uuid, { status });
  await post({ type: 'UPDATE', update: { status } }).catch(() => {});
}

async function finish(taskId, file) {
  while (!existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 20));
  await update(taskId, 'TASK_FINISHED');
}

async function obey(event) {
  const { launch, kill, message, acknowledged } = event;
  if (launch) {
    const id = launch.task.task_id.value;
    tasks.set(id, launch.task);
    await update(id, 'TASK_STARTING');
    await update(id, 'TASK_RUNNING', `in ${MESOS_DIRECTORY}`);
    const until = launch.task.labels?.labels.find(({ key }) => key === 'until');
    if (until) void finish(id, until.value);
  }
  if (acknowledged) {
    tasks.delete(acknowledged.task_id.value);
    updates.delete(acknowledged.uuid);
  }
  if (kill) await update(kill.task_id.value, 'TASK_KILLED');
  if (message) await post({ type: 'MESSAGE', message });
  if (event.type === 'SHUTDOWN') process.exit(0);
}

async function subscribe() {
  const subscribe = {
    unacknowledged_tasks: [...tasks.values()],
    unacknowledged_updates: [...updates.values()],
  };
  const response = await post({ type: 'SUBSCRIBE', subscribe });
  if (response.status !== 200) throw new Error(await response.text());
  let buffer = Buffer.alloc(0);
  for await (const chunk of response.body) {
    buffer = Buffer.concat([buffer, chunk]);
    for (let eol; (eol = buffer.indexOf('\n')) >= 0;) {
      const end = eol + 1 + Number(buffer.toString('latin1', 0, eol));
      if (buffer.length < end) break;
      const event = JSON.parse(buffer.toString('utf8', eol + 1, end));
      buffer = buffer.subarray(end);
      await obey(event);
    }
  }
}

// The agent may be restarting: come back, for as long as an executor that checkpoints may.
for (const deadline = Date.now() + 60_000; Date.now() < deadline;) {
  await subscribe().catch((error) => console.error(String(error)));
  await new Promise((resolve) => setTimeout(resolve, 100));
}
