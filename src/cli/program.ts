// The command line as a whole: every group registered, and every outcome turned into an exit code. 0 is fine or nothing to
// do, 1 findings, 2 an error with one line on standard error for each fault.
import { Command, CommanderError } from 'commander';
import { OperationError } from '../app/operation-error.ts';
import { ConfigError } from '../config/fault.ts';
import { version } from '../version.ts';
import { registerAlert } from './alert.ts';
import { registerBackup } from './backup.ts';
import { registerCampaign } from './campaign.ts';
import { registerCertificate } from './certificate.ts';
import { registerCrl } from './crl.ts';
import { registerDelegation } from './delegation.ts';
import { registerDemo } from './demo.ts';
import { registerDevice } from './device.ts';
import { registerDoctor } from './doctor.ts';
import { registerEvidence } from './evidence.ts';
import { registerFinding } from './finding.ts';
import { registerForecast } from './forecast.ts';
import { registerGateway } from './gateway.ts';
import { registerInit } from './init.ts';
import type { Surroundings } from './invocation.ts';
import { registerOperator } from './operator.ts';
import { remark } from './output.ts';
import { takePassphrase } from './passphrase.ts';
import { registerPolicy } from './policy.ts';
import { registerReconcile } from './reconcile.ts';
import { registerReload } from './reload.ts';
import { registerRenewal } from './renewal.ts';
import { registerRestore } from './restore.ts';
import { registerRunbook } from './runbook.ts';
import { registerStart } from './start.ts';
import { registerStatus } from './status.ts';
import { registerToken } from './token.ts';
import { registerTrust } from './trust.ts';

function buildProgram(surroundings: Surroundings): Command {
  const program = new Command('nolapse')
    .description('an MQTT broker that never lets a device certificate lapse')
    .version(version())
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'nolapse: ')) });
  registerInit(program, surroundings);
  registerStart(program, surroundings);
  registerBackup(program, surroundings);
  registerRestore(program, surroundings);
  registerDevice(program, surroundings);
  registerReconcile(program, surroundings);
  registerDelegation(program, surroundings);
  registerGateway(program, surroundings);
  registerRenewal(program, surroundings);
  registerCertificate(program, surroundings);
  registerCrl(program, surroundings);
  registerTrust(program, surroundings);
  registerCampaign(program, surroundings);
  registerStatus(program, surroundings);
  registerForecast(program, surroundings);
  registerFinding(program, surroundings);
  registerEvidence(program, surroundings);
  registerPolicy(program, surroundings);
  registerReload(program, surroundings);
  registerAlert(program, surroundings);
  registerToken(program, surroundings);
  registerOperator(program, surroundings);
  registerRunbook(program);
  registerDoctor(program, surroundings);
  registerDemo(program);
  return program;
}

function faultsOf(error: unknown): readonly string[] {
  if (error instanceof OperationError) return error.faults;
  if (error instanceof ConfigError) return error.message.split('\n');
  return [error instanceof Error ? error.message : String(error)];
}

/** Tells what went wrong, and sets the exit code that says so. */
export function fail(error: unknown, env: NodeJS.ProcessEnv): void {
  process.exitCode = 2;
  for (const fault of faultsOf(error)) remark(fault);
  const isDebugging = ['debug', 'trace'].includes(env['NOLAPSE_LOG_LEVEL']?.toLowerCase() ?? '');
  if (isDebugging && error instanceof Error) for (const line of error.stack?.split('\n') ?? []) remark(line);
}

/** Runs one command to its end; the exit code is set by then. */
export async function runCommandLine(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const surroundings: Surroundings = { env, passphrase: takePassphrase(env) };
  try {
    await buildProgram(surroundings).parseAsync([...argv]);
  } catch (error) {
    // Commander has said it already; help and version asked for are no errors.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else fail(error, env);
  }
}
