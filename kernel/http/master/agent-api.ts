import type { IncomingMessage, ServerResponse } from 'node:http';
import { PROTOCOL_VERSION, type AgentReturn, type AgentSubscribe, type UpBatch } from '../../core/protocol.js';
import type { MasterShell } from '../../shell/master/master-shell.js';
import { verifyToken } from '@mezzo/sdk/secrets';
import { fromWireJson } from '../../shell/wire-json.js';
import { methodNotAllowed, replyAnswer, textAnswer, type Answer } from '../answer.js';
import { FORBIDDEN } from '../auth/permission.js';
import { readBody } from '../body.js';
import type { MasterSite } from './site.js';
import { openStream } from './streams.js';

/** `POST /agent/v1/{subscribe,calls}`: our own agents, always with a token of scope `agent`. Undefined = became a stream. */
export async function agentApi(
  site: MasterSite,
  what: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer | undefined> {
  const { shell, clusterKey, agentTokens } = site;
  if (request.method !== 'POST') return methodNotAllowed(['POST'], request.method ?? '');
  const [, token = ''] = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  // Who is not known is told why: rejects with TOKEN_INVALID.
  const principal = (await agentTokens(token)) ?? { value: (await verifyToken(clusterKey, token, 'agent')).uid };
  if (shell.state.options.authorizer?.approver(principal, 'register_agents')() === false) return FORBIDDEN;
  const protocol = request.headers['mezzo-protocol'];
  if (protocol !== String(PROTOCOL_VERSION)) {
    return textAnswer(400, `Expecting 'Mezzo-Protocol' to be ${PROTOCOL_VERSION}, not ${String(protocol)}`);
  }
  const bytes = await readBody(request);
  const body = parse(bytes);
  if (body === undefined) return textAnswer(400, 'Expecting a JSON object');
  if (what === 'calls') return calls(shell, body as unknown as UpBatch, bytes);
  if (!isSubscribe(body))
    return textAnswer(
      400,
      'Expecting agentInfo, address, resources, and either digest or tasks, executors, operations and frameworks',
    );
  const connection = shell.newConnection();
  const sink = openStream(site, response, connection, 'application/recordio', {
    'Message-Content-Type': 'application/json',
    'Mezzo-Protocol': String(PROTOCOL_VERSION),
  });
  shell.subscribeAgent(connection, sink, body as unknown as AgentSubscribe | AgentReturn);
  return undefined;
}

async function calls(shell: MasterShell, batch: UpBatch, bytes: Uint8Array): Promise<Answer> {
  if (typeof batch.session !== 'string' || !Number.isSafeInteger(batch.seq) || !Array.isArray(batch.calls)) {
    return textAnswer(400, 'Expecting session, seq and calls');
  }
  const wire = { format: 'json' as const, bytes };
  return replyAnswer(await shell.call((request) => ({ type: 'agentCalled', request, batch, wire })));
}

function parse(body: Buffer): Record<string, unknown> | undefined {
  try {
    const value = fromWireJson(body.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** The outer shape; what is inside comes from an agent that holds a token of the cluster. */
function isSubscribe(body: Record<string, unknown>): boolean {
  const books = [body.tasks, body.executors, body.operations, body.frameworks];
  const hasBooks =
    typeof body.digest === 'string' ? books.every((list) => list === undefined) : books.every(Array.isArray);
  const info = body.agentInfo;
  const isGreeting = typeof info === 'object' && info !== null && typeof body.address === 'string';
  return isGreeting && Array.isArray(body.resources) && hasBooks;
}
