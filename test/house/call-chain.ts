// The calls of src that lead to a moment: those on the stack, those that awaited them, and those that handed the work to a promise, to
// the next turn of the event loop or to the ledger's queue, back to what came in or whose time came. V8's own asynchronous stack leaves
// out those that return a promise without awaiting it.
import { AsyncResource, createHook, executionAsyncId } from 'node:async_hooks';

export interface Call {
  readonly file: string;
  readonly name: string;
  /** Tells apart functions without a name. */
  readonly place: string;
}

interface Context {
  readonly type: string;
  readonly calls: readonly Call[];
  readonly parent: number;
}

/** What one call hands to another; anything else, such as a socket or a timer, is where a chain begins. */
const handing: ReadonlySet<string> = new Set(['PROMISE', 'Immediate', 'TickObject', 'Microtask', 'Unit']);

export class CallChains {
  readonly #contexts = new Map<number, Context>();
  readonly #hook = createHook({
    init: (id, type) => {
      this.#contexts.set(id, { type, calls: callsNow(), parent: executionAsyncId() });
    },
  });

  start(): void {
    this.#hook.enable();
  }

  stop(): void {
    this.#hook.disable();
    this.#contexts.clear();
  }

  /** The innermost first. */
  now(): Call[] {
    const chain = callsNow();
    for (let id = executionAsyncId(); ; ) {
      const context = this.#contexts.get(id);
      if (!context || !handing.has(context.type)) return chain;
      // A function that goes on after it awaited something is the one that began to.
      const goesOn = context.calls[0]?.place === chain.at(-1)?.place;
      chain.push(...context.calls.slice(goesOn ? 1 : 0));
      id = context.parent;
    }
  }

  /** Has work that somebody else will run, perhaps among that of others, count as the doing of who handed it over. */
  handedOver<Given extends unknown[], Made>(work: (...given: Given) => Made): (...given: Given) => Made {
    const unit = new AsyncResource('Unit');
    return function runHandedOver(...given) {
      return unit.runInAsyncScope(work, null, ...given);
    };
  }
}

/** Those on the stack now, down to where work that was handed over is run. */
function callsNow(): Call[] {
  const { prepareStackTrace, stackTraceLimit } = Error;
  Error.stackTraceLimit = Number.POSITIVE_INFINITY;
  Error.prepareStackTrace = (_, sites) => sites;
  const sites = new Error().stack as unknown as readonly NodeJS.CallSite[];
  Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  const end = sites.findIndex((site) => site.getFunctionName() === 'runHandedOver');
  return (end < 0 ? sites : sites.slice(0, end)).flatMap(callAt);
}

/** V8 appends calls that wait for these: they come by their own contexts, and more of them. */
interface Site extends NodeJS.CallSite {
  isAsync(): boolean;
}

function callAt(each: NodeJS.CallSite): Call[] {
  const site = each as Site;
  const file = /\/(src\/.*)$/.exec(site.getFileName() ?? '')?.[1];
  if (file === undefined || site.isAsync() || site.getFileName()?.includes('node_modules')) return [];
  const name = site.getFunctionName() ?? 'a closure';
  const place = `${file} ${name} ${site.getEnclosingLineNumber()} ${site.getEnclosingColumnNumber()}`;
  return [{ file, name, place }];
}
