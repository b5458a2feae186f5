import { pino, type Logger } from 'pino';

export type { Logger };

/** The process's log: one JSON object a line on standard output. The headers that carry credentials are cut out. */
export function makeLogger(level: string): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: ['req.headers.authorization', 'req.headers["x-api-key"]', 'req.headers.cookie'],
  });
}
