// The demo origin's small site: two pages, a style sheet and a picture, to see that pages work through the edge.

import type { IncomingMessage, ServerResponse } from "node:http";

interface Page {
  readonly type: string;
  body(request: IncomingMessage): string;
}

const PAGES: Readonly<Record<string, Page>> = {
  "/": { type: "text/html; charset=utf-8", body: homePage },
  "/about": { type: "text/html; charset=utf-8", body: aboutPage },
  "/site.css": { type: "text/css; charset=utf-8", body: () => STYLE },
  "/bridge.svg": { type: "image/svg+xml", body: () => PICTURE },
};

const STYLE = `body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; color: #16324a }
a { color: #0b6e99 } code { background: #eef4f8; padding: 0 .25em } img { width: 100%; height: auto }
td { padding-right: 1.5rem; vertical-align: top; word-break: break-all }
`;

const PICTURE = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 160" role="img" aria-label="A causeway">
<rect width="640" height="160" fill="#d7ebf5"/><rect y="112" width="640" height="48" fill="#7fb4cf"/>
<path d="M0 96 H640 V108 H0 Z" fill="#5b6b77"/>
<path d="M40 108 v30 M140 108 v30 M240 108 v30 M340 108 v30 M440 108 v30 M540 108 v30" stroke="#5b6b77" stroke-width="12"/>
</svg>
`;

/** Answers a page of the site; false when there is none at `path`. */
export function answerSite(request: IncomingMessage, response: ServerResponse, path: string): boolean {
  const page = Object.hasOwn(PAGES, path) ? PAGES[path] : undefined;
  if (page === undefined) return false;
  const body = page.body(request);
  response.writeHead(200, { "content-type": page.type, "content-length": Buffer.byteLength(body) });
  response.end(body);
  return true;
}

function homePage(request: IncomingMessage): string {
  const rows = ["host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id"]
    .map(
      (name) =>
        `<tr><td>${name}</td><td>${escapeHtml(String(request.headers[name] ?? "not sent"))}</td></tr>`,
    )
    .join("\n");
  return layout(
    "Demo origin",
    `<img src="bridge.svg" alt="">
<p>This page comes from Causeway's demo origin. What its server saw of your request:</p>
<table>${rows}</table>
<p>More to try: <a href="headers">headers</a>, <a href="bytes/1048576">1 MiB</a>,
<a href="slow?bytes=100000&amp;ms=5000">100 kB in 5 s</a>, <a href="gzip/100000">compressed text</a>,
<a href="sse?count=10">server-sent events</a>, <a href="live/index.m3u8">a live HLS channel</a>, <a href="about">about</a>.</p>`,
  );
}

function aboutPage(): string {
  return layout(
    "About the demo origin",
    `<p>It stands in for the servers behind a proxy. <code>/echo</code> is a WebSocket that sends everything back;
<code>/upload</code> answers the SHA-256 of what it is sent; <code>/answer</code> streams text.</p>
<p><a href="./">Back</a></p>`,
  );
}

function layout(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title><link rel="stylesheet" href="site.css"></head>
<body><h1>${title}</h1>
${body}
</body></html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
