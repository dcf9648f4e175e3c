// The kinds of inventory sources, by the name the configuration has for them.
import { createFileSource } from './file.ts';
import { createHttpSource } from './http.ts';

export const sourceKinds = { file: createFileSource, http: createHttpSource };
