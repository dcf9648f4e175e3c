// A readable page of what the HTTP API takes: made of its description, without a script and with nothing from elsewhere.
import { createHash } from 'node:crypto';

type Json = Readonly<Record<string, unknown>>;

const style = `body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c1c1e;background:#fff}
code{font:13px ui-monospace,monospace}h2{font-size:1rem;margin:1.5rem 0 .25rem}p{margin:.25rem 0}
table{border-collapse:collapse;width:100%}td{padding:.125rem .75rem .125rem 0;vertical-align:top}
b{display:inline-block;min-width:4rem}@media(prefers-color-scheme:dark){body{color:#e8e8ea;background:#161618}}`;

export const referencePolicy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => escapes[character] ?? '');
}

function rowOf(name: string, place: string, required: boolean, schema: unknown): string {
  const shown = JSON.stringify(schema) ?? '';
  const cells = [`<code>${escapeHtml(name)}</code>`, `${place}${required ? ', required' : ''}`];
  return `<tr><td>${cells.join('</td><td>')}</td><td><code>${escapeHtml(shown.slice(0, 300))}</code></td></tr>`;
}

function bodyRows(operation: Json): string[] {
  const content = (operation['requestBody'] as Json | undefined)?.['content'] as Json | undefined;
  const schema = (content?.['application/json'] as Json | undefined)?.['schema'] as Json | undefined;
  const required = new Set((schema?.['required'] as string[] | undefined) ?? []);
  const properties = Object.entries((schema?.['properties'] as Json | undefined) ?? {});
  const file = content && !schema ? [rowOf('the file', 'body', true, 'application/octet-stream')] : [];
  return [...file, ...properties.map(([name, each]) => rowOf(name, 'body', required.has(name), each))];
}

function sectionOf(path: string, method: string, operation: Json): string {
  const parameters = (operation['parameters'] as Json[] | undefined) ?? [];
  const rows = [
    ...parameters.map((each) =>
      rowOf(String(each['name']), String(each['in']), each['required'] === true, each['schema']),
    ),
    ...bodyRows(operation),
  ];
  const words = [operation['summary'], operation['description']].filter((each) => each !== undefined).map(String);
  return `<h2 id="${escapeHtml(String(operation['operationId']))}"><b>${method.toUpperCase()}</b><code>${escapeHtml(path)}</code></h2>
<p>${escapeHtml(words.join('. '))}</p>${rows.length > 0 ? `<table>${rows.join('')}</table>` : ''}`;
}

/** @param description as describeApi makes it. */
export function referencePage(description: Json): string {
  const { title, version } = description['info'] as { title: string; version: string };
  const [server] = description['servers'] as [{ url: string }];
  const sections = Object.entries(description['paths'] as Record<string, Record<string, Json>>).flatMap(
    ([path, item]) =>
      Object.entries(item).map(([method, operation]) => sectionOf(server.url + path, method, operation)),
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escapeHtml(title)} API</title><style>${style}</style></head>
<body><h1>${escapeHtml(`${title} ${version}`)}</h1>
<p>The same for programs: <a href="openapi.json">openapi.json</a>.</p>
${sections.join('\n')}
</body></html>
`;
}
