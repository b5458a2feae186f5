import { pino, type DestinationStream, type Logger } from 'pino';

export type { Logger };

/** The fields that contain credentials, as headers or under names of their own. PLACES are where they may occur. */
const SECRETS = ['authorization', '["proxy-authorization"]', 'cookie', '["x-api-key"]', 'token', 'apiKey'];
const PLACES = ['', '*.', '*.*.'];

/**
 * Creates the process's log: one JSON object per line, with credentials redacted.
 * @param destination standard output by default
 */
export function makeLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: PLACES.flatMap((place) =>
      SECRETS.map((name) => (name.startsWith('[') ? place.replace(/\.$/, '') + name : place + name)),
    ),
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
