import { pino, type Logger } from 'pino';

export type { Logger };

/** The process's log: one JSON object a line on standard output; credentials are cut out wherever they would appear. */
export function makeLogger(level: string): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: ['req.headers.authorization', 'req.headers["x-api-key"]', 'req.headers.cookie'],
  });
}
