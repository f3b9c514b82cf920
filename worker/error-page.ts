// The page that browsers get instead of an error's JSON: fixed sentences, a code, a request id. Nothing of the request and
// nothing of an upstream stands in it, and nothing in it can be run.

const STYLE =
  ":root{color-scheme:light dark}" +
  "body{margin:0;min-height:100vh;display:grid;place-content:center;padding:1rem;box-sizing:border-box;" +
  "font:16px/1.5 system-ui,sans-serif;text-align:center}" +
  "h1{margin:0;font-size:3.5rem;line-height:1;font-weight:600}" +
  "p{margin:.75rem 0 0}footer{margin-top:1.5rem;font-size:.8rem;opacity:.7}code{font-family:ui-monospace,monospace}";

/** SHA-256 of STYLE: the one style that the page may have. A test computes it anew. */
const STYLE_HASH = "sha256-VRp87caiTHc/bA93vX8U4yQC1Xciye25VnD9z4aQSKw=";

/** Content-Security-Policy of the page. */
export const PAGE_POLICY = `default-src 'none'; style-src '${STYLE_HASH}'; sandbox`;

/** All four are the edge's own words; an id consists of hexadecimal digits and a dash. */
export function errorPage(status: number, code: string, message: string, requestId: string): string {
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${status} ${message}</title>
<style>${STYLE}</style>
<main><h1>${status}</h1><p>${message}.</p>
<footer><code>${code}</code> · request <code>${requestId}</code></footer></main></html>
`;
}
