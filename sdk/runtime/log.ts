import { pino, type Logger as PinoLogger } from 'pino';
import type { Logger } from '../contract/index.js';

/** JSON lines on stdout, written synchronously, so that the last words of a crash are in the file. */
export function jsonLogger(level: string, fields: Record<string, unknown>): Logger {
  const options = {
    level,
    base: fields,
    serializers: { error: serializeError },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  return new JsonLogger(pino(options, pino.destination({ fd: 1, sync: true })));
}

class JsonLogger implements Logger {
  constructor(private readonly to: PinoLogger) {}

  debug(message: string, fields: Record<string, unknown> = {}): void {
    this.to.debug(fields, message);
  }
  info(message: string, fields: Record<string, unknown> = {}): void {
    this.to.info(fields, message);
  }
  warn(message: string, fields: Record<string, unknown> = {}): void {
    this.to.warn(fields, message);
  }
  error(message: string, fields: Record<string, unknown> = {}): void {
    this.to.error(fields, message);
  }
  child(fields: Record<string, unknown>): Logger {
    return new JsonLogger(this.to.child(fields));
  }
}

function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code } = error as { code?: unknown };
  return { message: error.message, stack: error.stack, ...(code !== undefined && { code }) };
}
