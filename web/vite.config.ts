/// <reference types="vitest/config" />
import { defineConfig } from "vite";

// `npm run dev` shows the page with changes at once; the API is that of a server started by hand.
const server = process.env.PICLOUD_SERVER ?? "http://127.0.0.1:7878";

export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    target: "es2022",
    // The policy of the page allows nothing inline and no data: scripts or fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { "/v1": server } },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
