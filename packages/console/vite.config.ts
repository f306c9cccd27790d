import { brotliCompressSync, gzipSync } from 'node:zlib'
import { convertCssVariables, DEFAULT_THEME, defaultCssVariablesResolver, mergeMantineTheme } from '@mantine/core'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'
import { theme } from './src/theme/theme.ts'

/** The variables of the theme as a style sheet: a strict content security policy allows no style element that a script makes. */
function themeSheet(): Plugin {
  const name = 'virtual:theme.css'
  return {
    name: 'theme-sheet',
    resolveId: (id) => (id === name ? `\0${name}` : undefined),
    load: (id) =>
      id === `\0${name}` ? convertCssVariables(defaultCssVariablesResolver(mergeMantineTheme(DEFAULT_THEME, theme)), ':root') : undefined,
  }
}

/** Compresses once, at the build, what is handed out a thousand times. */
function compress(): Plugin {
  return {
    name: 'compress',
    apply: 'build',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        for (const [fileName, output] of Object.entries(bundle)) {
          if (!/\.(js|css|svg)$/.test(fileName)) continue
          const source = Buffer.from(output.type === 'chunk' ? output.code : output.source)
          if (source.length < 512) continue
          this.emitFile({ type: 'asset', fileName: `${fileName}.br`, source: brotliCompressSync(source) })
          this.emitFile({ type: 'asset', fileName: `${fileName}.gz`, source: gzipSync(source, { level: 9 }) })
        }
      },
    },
  }
}

export default defineConfig({
  root: import.meta.dirname,
  // the server decides where it lives
  base: './',
  plugins: [react(), themeSheet(), compress()],
  resolve: { conditions: ['trunkline-source', 'module', 'browser'] },
  build: {
    outDir: '../trunkline/dist/console',
    emptyOutDir: true,
    manifest: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 800,
    rolldownOptions: {
      output: {
        // what the first page needs comes in few files: each costs a kilobyte of headers
        codeSplitting: {
          groups: [
            {
              name: 'parts',
              test: /console\/src\/(parts\/(act|copy|go|job-bits|state|states|table|time|toasts|words)|live\/)|icons\/Icon(Ban|Check|CircleCheck|CircleX|HeartOff|Loader)\./,
            },
          ],
        },
      },
    },
  },
})
