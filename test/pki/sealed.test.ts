// What a passphrase seals opens with it and with nothing else, here and with openssl.
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { openSealedCommand, openWithPassphrase, sealWithPassphrase } from '../../src/pki/sealed.ts';

const passphrase = 'a passphrase of its own';
const content = new Uint8Array(Buffer.from('what is kept apart, \0 and not text'));
const openssl = (args: string[], input: Uint8Array | string): Buffer =>
  execFileSync('openssl', [...args, '-pass', `pass:${passphrase}`], { input });
const [, ...opening] = openSealedCommand.split(' ');

it('opens what was sealed, here and with openssl, and what openssl has sealed', async () => {
  const sealed = await sealWithPassphrase(content, passphrase);
  expect(await openWithPassphrase(sealed, passphrase)).toEqual(content);
  expect(new Uint8Array(openssl(opening, sealed))).toEqual(content);
  const elsewhere = openssl(
    opening.filter((each) => each !== '-d'),
    content,
  ).toString('latin1');
  expect(await openWithPassphrase(elsewhere, passphrase)).toEqual(content);
});

it('opens nothing with another passphrase, and nothing that is cut or of another form', async () => {
  const sealed = await sealWithPassphrase(content, passphrase);
  const other = await openWithPassphrase(sealed, `${passphrase}.`);
  // One in 256 wrong keys leaves padding that fits: what comes out has to prove itself.
  expect(other === null || Buffer.compare(other, content) !== 0).toBe(true);
  for (const text of ['', 'no base64: §', Buffer.from('Salted__').toString('base64'), sealed.slice(0, 40)]) {
    expect(await openWithPassphrase(text, passphrase)).toBeNull();
  }
});
