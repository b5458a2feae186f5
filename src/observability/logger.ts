import { pino, type DestinationStream, type Logger } from 'pino';

export type { Logger };

/** What carries credentials, wherever it stands in an entry: as a header, or under a name of its own. */
const SECRETS = ['authorization', '["proxy-authorization"]', 'cookie', '["x-api-key"]', 'token', 'apiKey'];
const PLACES = ['', '*.', '*.*.'];

/** The process's log: one JSON object a line, on standard output unless told otherwise. What carries credentials is cut out. */
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
