// Before and after every test: no key is made, and no signature made or verified, within a unit of work.
import { afterEach, expect } from 'vitest';
import { takeInside, watchUnits } from './fakes/watched-units.ts';

watchUnits();

afterEach(() => {
  expect(takeInside(), 'keys and signatures within a unit of work').toEqual([]);
});
