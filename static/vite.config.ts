import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const backend = process.env['HOICHAN_URL'] ?? 'http://127.0.0.1:8080';

/** Writes where the viewer's chunk lies into the reading room's page, which has it compiled before it is begun. */
const viewerAddress: Plugin = {
  name: 'viewer-address',
  transformIndexHtml: {
    order: 'post',
    handler: (_html, { path, bundle }) => {
      const viewer = Object.values(bundle ?? {}).find((one) => one.type === 'chunk' && one.facadeModuleId === here('src/reading/viewport/index.ts'));
      if (!viewer || !path.endsWith('reading.html')) return [];
      return [{ tag: 'meta', attrs: { name: 'viewer', content: `/static/${viewer.fileName}` }, injectTo: 'head' }];
    },
  },
};

export default defineConfig({
  plugins: [viewerAddress],
  base: '/static/',
  resolve: {
    // The npm packages, not the node builtins: xmlbuilder2 (below vtk.js) needs them at run time.
    alias: { events: 'events/', url: 'url/' },
  },
  build: {
    outDir: 'dist',
    target: ['chrome109', 'firefox115', 'safari16.4'],
    assetsInlineLimit: 0, // the page's policy allows no data: fonts
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 5000,
    rolldownOptions: { input: { index: here('index.html'), reading: here('reading.html'), 'shared-link': here('shared-link.html') } },
  },
  worker: { format: 'es' },
  optimizeDeps: {
    // `vite dev` would otherwise move the decode worker away from its codecs and hang without an error.
    exclude: ['@cornerstonejs/dicom-image-loader'],
    include: ['dicom-parser'],
  },
  server: {
    proxy: Object.fromEntries(['/api', '/dicom-web', '/healthz'].map((path) => [path, { target: backend }])),
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts', 'src/**/*.test.tsx'],
  },
});
