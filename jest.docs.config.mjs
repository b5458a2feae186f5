import { limits, unit } from './jest.config.mjs';

/** What holds documents against the code: `npm run check:docs`. @type {import('jest').Config} */
export default { ...limits, ...unit, roots: ['<rootDir>/test/docs'], maxWorkers: 1 };
