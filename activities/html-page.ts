/** A self-contained HTML page: no script, no address of another server. */

/** A piece of HTML, already safe. */
export type Html = string & { readonly html: unique symbol };

/** Text as HTML. */
export function escapeHtml(text: string): Html {
  const escaped = text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
  return escaped as Html; // just escaped
}

/** Trusted HTML: our own tags and SVG from the plots. */
export function trustedHtml(...parts: readonly string[]): Html {
  return parts.join('\n') as Html; // the caller's word
}

/** A table; numbers, and intervals of them, are aligned right. */
export function htmlTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): Html {
  const cell = (value: string | number): string =>
    typeof value === 'number' || isNumeric(value)
      ? `<td class="number">${escapeHtml(String(value))}</td>`
      : `<td>${escapeHtml(value)}</td>`;
  return trustedHtml(
    `<table><tr>${head.map((title) => `<th>${escapeHtml(title)}</th>`).join('')}</tr>`,
    ...rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`),
    '</table>',
  );
}

function isNumeric(text: string): boolean {
  return /^[-+]?[\d.]/.test(text) && !/[a-z]/i.test(text.replaceAll(' to ', ' '));
}

/** The whole page. */
export function htmlPage(title: string, parts: readonly Html[]): string {
  const heading = escapeHtml(title);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${heading}</title><style>${STYLE}</style></head>
<body><h1>${heading}</h1>
${parts.join('\n')}
</body></html>
`;
}

const STYLE = `body { font: 15px/1.5 Helvetica, Arial, sans-serif; color: #222; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse } th, td { padding: .2rem .8rem .2rem 0; text-align: left; border-bottom: 1px solid #e5e5e5 }
td.number { text-align: right; font-variant-numeric: tabular-nums } svg { max-width: 100%; height: auto }`;
