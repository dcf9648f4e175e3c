// The sessions of a broker that nobody is connected to.
export { noSessions as nobody } from '../../src/home/home.ts';
