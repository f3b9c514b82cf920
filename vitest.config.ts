// The folder of a test decides where it runs: test/worker inside workerd, test/browser drives a real Chromium,
// everything else in Node. Node and browser files start whole products, so they share the two cores carefully.

import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: "node",
          include: ["test/{shared,relay,e2e,house}/**/*.test.ts", "test/conformance/*.test.ts"],
          globalSetup: ["test/support/build.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          globalSetup: ["test/support/build.ts"],
          testTimeout: 60_000,
          hookTimeout: 90_000,
          fileParallelism: false,
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: {
                ADMIN_TOKEN: "the-admin-token-of-these-tests",
                ROOT_KEY: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
              },
            },
          }),
        ],
        test: {
          globalSetup: ["test/support/build.ts"],
          name: "workerd",
          include: ["test/worker/**/*.test.ts"],
          testTimeout: 30_000,
          deps: { optimizer: { ssr: { enabled: true, include: ["itty-durable", "itty-router"] } } },
        },
      },
    ],
  },
});
