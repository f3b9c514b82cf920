// The baseline of `npm run bench:edge`: a Worker of two lines on the same workerd, on a direct socket as the product is.

import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { readManifest } from "../../relay/serve/project.ts";

export async function startPassthrough(port: number, originPort: number): Promise<Miniflare> {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      telemetry: { enabled: false },
      logRequests: false,
      workers: [
        {
          name: "passthrough",
          modules: true,
          script: `export default { fetch: (request) => {
            const { pathname, search } = new URL(request.url);
            return fetch("http://127.0.0.1:${originPort}" + pathname + search, request);
          } };`,
          compatibilityDate: readManifest().compatibility_date,
          stripCfConnectingIp: false,
          unsafeDirectSockets: [{ host: "127.0.0.1", port, proxy: false }],
        },
      ],
    }),
  );
  await miniflare.ready;
  return miniflare;
}
