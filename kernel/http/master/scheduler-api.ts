import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SchedulerCall } from '@mezzo/sdk/api';
import { asId, type ConnectionId, type FrameworkId } from '@mezzo/sdk/contract';
import type { MasterState } from '../../core/master/index.js';
import { principalOf } from '../auth/callers.js';
import { JSON_TYPE, negotiate, NOT_ACCEPTABLE, replyAnswer, textAnswer, type Answer } from '../answer.js';
import { isAnswer, readCall } from '../calls.js';
import type { MasterSite } from './site.js';
import { openStream } from './streams.js';
import { schedulerCallError } from './call-validation.js';

const STREAM_ID = 'mesos-stream-id';

/** `POST /api/v1/scheduler`: answers undefined when the call became a stream. */
export async function schedulerApi(
  site: MasterSite,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer | undefined> {
  const { shell, limiter } = site;
  const read = await readCall(request, 'mesos.v1.scheduler.Call');
  if (isAnswer(read)) return read;
  const { call } = read;
  const principal = principalOf(request)?.value;
  const error = schedulerCallError(call, principal);
  if (error !== undefined) return textAnswer(400, error);
  const tooMany = principal === undefined ? limiter?.check(saidPrincipal(shell.state, call), true) : undefined;
  if (tooMany !== undefined) return tooMany;
  const streamId = request.headers[STREAM_ID];
  if (call.type !== 'SUBSCRIBE') {
    const connection = streamId === undefined ? undefined : asId<ConnectionId>(String(streamId));
    const wire = { format: read.type === JSON_TYPE ? 'json' : 'protobuf', bytes: read.body } as const;
    return replyAnswer(
      await shell.call((number) => ({ type: 'schedulerCalled', request: number, call, connection, principal, wire })),
    );
  }
  const type = negotiate(request.headers.accept);
  if (type === undefined) return NOT_ACCEPTABLE;
  if (streamId !== undefined) return textAnswer(400, "Subscribe calls should not include the 'Mesos-Stream-Id' header");
  const connection = shell.newConnection();
  const sink = openStream(site, response, connection, type, { 'Mesos-Stream-Id': connection });
  shell.subscribeScheduler(connection, sink, call.subscribe!, principal);
  return undefined;
}

/** What a framework says of itself; nobody asked for a proof. */
const saidPrincipal = ({ frameworks }: MasterState, { subscribe, frameworkId }: SchedulerCall): string | undefined =>
  subscribe?.frameworkInfo.principal ?? frameworks.get(asId<FrameworkId>(frameworkId?.value ?? ''))?.info.principal;
